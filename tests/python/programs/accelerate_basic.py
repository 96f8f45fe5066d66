# SPDX-License-Identifier: MIT
"""After accelerate's basic example: prepare() what trains, gather what is counted; in one process
or, under torchrun or `accelerate launch`, in several. At the end a state is saved and loaded, and an
epoch begins behind its first batches. Writes into the current folder."""
import sys

import raw
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, set_seed
from torch import nn
from torch.utils.data import DataLoader, Subset

import fmnist.torch


def loader(split, count, **options):
    if raw.SIDE == "fmnist":
        return fmnist.torch.Loader(split=split, indices=range(count), **options)
    return DataLoader(Subset(raw.tensors(split), range(count)), **options)


def train(accelerator, model, optimizer, schedule, batches):
    model.train()
    total = torch.zeros(())
    for X, y in batches:
        loss = nn.functional.cross_entropy(model(X), y)
        total += accelerator.gather(loss.detach()).mean()
        accelerator.backward(loss)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return total.item()


def evaluate(accelerator, model, batches):
    model.eval()
    correct = seen = 0
    for X, y in batches:
        with torch.no_grad():
            prediction = model(X).argmax(dim=-1)
        prediction, y = accelerator.gather_for_metrics((prediction, y))
        correct += (prediction == y).sum().item()
        seen += len(y)
    return correct, seen


def main():
    options = dict(arg.split("=") for arg in sys.argv[2:])
    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(
        **{name: value == "True" for name, value in options.items()}))
    set_seed(42)
    model = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 64), nn.ReLU(), nn.Dropout(0.1),
                          nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    training = loader("train", 2040, batch_size=64, shuffle=True)
    testing = loader("test", 1000, batch_size=64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.004, epochs=4, steps_per_epoch=len(training))
    model, optimizer, training, testing, schedule = accelerator.prepare(
        model, optimizer, training, testing, schedule)
    accelerator.print(f"{len(training)} batches of {len(training.dataset)} samples, "
                      f"{len(testing)} of {len(testing.dataset)}")
    for epoch in range(3):
        if hasattr(training, "set_epoch"):
            training.set_epoch(epoch)
        loss = train(accelerator, model, optimizer, schedule, training)
        correct, seen = evaluate(accelerator, model, testing)
        accelerator.print(f"epoch {epoch}: loss {loss!r}, {correct} of {seen} right")
    accelerator.save_state("state")
    accelerator.wait_for_everyone()
    accelerator.load_state("state")
    rest = accelerator.skip_first_batches(training, 5)
    accelerator.print(f"the rest: loss {train(accelerator, model, optimizer, schedule, rest)!r}, "
                      f"{len(rest)} batches")
    unwrapped = accelerator.unwrap_model(model)
    accelerator.print(raw.weights(unwrapped.state_dict().values()))
    accelerator.end_training()


if __name__ == "__main__":
    main()
