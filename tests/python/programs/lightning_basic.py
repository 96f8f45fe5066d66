# SPDX-License-Identifier: MIT
"""After Lightning's "Lightning in 15 minutes": an autoencoder that the Trainer fits and validates,
in one process or several, and its checkpoint, which another Trainer goes on from. Its embeddings
are predicted in one. Writes into the current folder.

    python lightning_basic.py SIDE [PROCESSES]
"""
import logging
import sys

import pytorch_lightning as pl
import raw
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

import fmnist.torch

say = pl.utilities.rank_zero_only(print)


def loader(split, count, **options):
    if raw.SIDE == "fmnist":
        return fmnist.torch.Loader(split=split, indices=range(count), **options)
    return DataLoader(Subset(raw.tensors(split), range(count)), **options)


class AutoEncoder(pl.LightningModule):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def _loss(self, batch):
        x, _ = batch
        x = x.view(x.size(0), -1)
        return nn.functional.mse_loss(self.decoder(self.encoder(x)), x)

    def training_step(self, batch, batch_idx):
        loss = self._loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self._loss(batch))

    def predict_step(self, batch, batch_idx):
        return self.encoder(batch[0].flatten(1))

    def on_train_epoch_end(self):
        say(f"epoch {self.current_epoch}, step {self.global_step}:", *(
            f"{name} {value.item()!r}" for name, value in sorted(
                self.trainer.callback_metrics.items())))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def network():
    return AutoEncoder(nn.Sequential(nn.Linear(28 * 28, 64), nn.ReLU(), nn.Linear(64, 3)),
                       nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 28 * 28)))


def trainer(epochs, **options):
    return pl.Trainer(max_epochs=epochs, accelerator="cpu", logger=False, default_root_dir=".",
                      enable_progress_bar=False, enable_model_summary=False, **options)


def main():
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    pl.seed_everything(1, verbose=False)
    devices = dict(devices=int(sys.argv[2]), strategy="ddp") if sys.argv[2:] else {}
    training = loader("train", 2040, batch_size=64, shuffle=True)
    validation = loader("test", 1000, batch_size=64)
    model = network()
    keep = pl.callbacks.ModelCheckpoint(".", filename="best", monitor="val_loss")
    fit = trainer(2, callbacks=[keep], **devices)
    fit.fit(model, training, validation)
    say(fit.validate(model, validation, verbose=False), keep.best_model_path.rpartition("/")[2])
    say("batches", fit.num_training_batches, fit.num_val_batches)

    model = network()
    fit = trainer(4, limit_train_batches=20, **devices)
    fit.fit(model, training, validation, ckpt_path=keep.best_model_path, weights_only=False)
    say(fit.validate(model, validation, verbose=False), "step", fit.global_step)

    best = AutoEncoder.load_from_checkpoint(
        keep.best_model_path, encoder=model.encoder, decoder=model.decoder, weights_only=False)
    if not devices:  # each process would have its part
        embeddings = torch.cat(trainer(1).predict(best, validation))
        say("embeddings", embeddings.shape, embeddings.sum(0).tolist())
    x, y = training.dataset[0]
    with torch.no_grad():
        say("embedding", best.encoder(x.view(1, -1)).tolist(), "of label", y)
    say(raw.weights(model.state_dict().values()))


if __name__ == "__main__":
    main()
