# SPDX-License-Identifier: MIT
"""After PyTorch's "Quickstart": a train and a test function around one loader each, then the saved
model says what the first picture is. Writes into the current folder."""
import raw
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

import fmnist.torch


def loader(split, count, **options):
    if raw.SIDE == "fmnist":
        return fmnist.torch.Loader(split=split, indices=range(count), **options)
    if raw.SIDE == "fmnist-samples":
        return DataLoader(Subset(fmnist.torch.MapDataset(split), range(count)), **options)
    return DataLoader(Subset(raw.tensors(split), range(count)), **options)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = nn.Sequential(nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512),
                                    nn.ReLU(), nn.Linear(512, 10))

    def forward(self, x):
        return self.layers(self.flatten(x))


def train(dataloader, model, loss_of, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        loss = loss_of(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 8 == 0:
            print(f"loss: {loss.item():>7f}  [{batch * dataloader.batch_size + len(X):>5d}/{size}]")


def test(dataloader, model, loss_of):
    size, batches = len(dataloader.dataset), len(dataloader)
    model.eval()
    total, correct = 0.0, 0
    with torch.no_grad():
        for X, y in dataloader:
            prediction = model(X)
            total += loss_of(prediction, y).item()
            correct += (prediction.argmax(1) == y).type(torch.float).sum().item()
    print(f"test: accuracy {100 * correct / size:>0.1f}%, average loss {total / batches:>8f}")


def main():
    torch.manual_seed(0)
    training = loader("train", 2040, batch_size=64, shuffle=True)
    testing = loader("test", 1000, batch_size=64)
    for X, y in testing:
        print(f"X: {X.shape} {X.dtype}, y: {y.shape} {y.dtype}")
        break
    model, loss_of = Network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(4):
        print(f"epoch {epoch + 1}")
        train(training, model, loss_of, optimizer)
        test(testing, model, loss_of)
    torch.save(model.state_dict(), "model.pth")
    model = Network()
    model.load_state_dict(torch.load("model.pth", weights_only=True))
    model.eval()
    x, y = testing.dataset[0]
    with torch.no_grad():
        print(f"predicted {model(x)[0].argmax(0)}, actual {y}")
    print(raw.weights(model.state_dict().values()))


if __name__ == "__main__":
    main()
