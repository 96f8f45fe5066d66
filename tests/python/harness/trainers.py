# SPDX-License-Identifier: MIT
"""Lightning and accelerate, which iterate for themselves; accelerate in one process and in two.

usage: python -m torch.distributed.run ... -m harness.trainers FOLDER   writes what each rank saw
"""
import contextlib
import json
import logging
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, default_collate

from harness import orders, trace

# ---- accelerate: prepare() of the loader, of a DataLoader around it, and skip_first_batches


class Batches(IterableDataset):
    """What stands for a Loader inside DataLoader(loader, batch_size=None) on the stock side."""

    def __init__(self, loader):
        self.loader = loader

    def __len__(self):
        return len(self.loader)

    def set_epoch(self, epoch):
        """Accelerate tells it to a data set that has the method."""
        if hasattr(self.loader.sampler, "set_epoch"):
            self.loader.sampler.set_epoch(epoch)

    def __iter__(self):
        data = self.loader.dataset
        for batch in self.loader.batch_sampler:
            yield default_collate([data[i] for i in batch])


def _around(side, loader):
    return DataLoader(loader if side == "ours" else Batches(loader), batch_size=None)


def _prepare(accelerator, side, loader):
    return accelerator.prepare(loader)


def _prepare_around(accelerator, side, loader):
    return accelerator.prepare(_around(side, loader))


def _skip(accelerator, side, loader):
    from accelerate import skip_first_batches

    return skip_first_batches(loader, 2)


def _prepare_skip(accelerator, side, loader):
    from accelerate import skip_first_batches

    return skip_first_batches(accelerator.prepare(loader), 1)


KINDS = {"prepare": _prepare, "prepare-around": _prepare_around, "skip": _skip,
         "prepare-skip": _prepare_skip}


def accelerated(accelerator, side, order, kind):
    """Three epochs' lines, of one rank."""
    generators = [torch.Generator().manual_seed(100 + i) for i in range(order.generators)]
    seen = trace.Trace(generators)
    trace.seed_all(11)
    loader = order.make(side, 8, False, generators)
    reader = KINDS[kind](accelerator, side, loader)
    seen.say("made", len(reader))
    for _ in range(3):
        for batch in reader:
            seen.batch(batch)
        seen.say("end")
    return seen.lines


def takes(order, kind):
    """accelerate itself shards neither batch samplers of several lengths nor, around a loader,
    what is drawn outside of its own generators alike in all ranks."""
    return not (kind == "prepare-around" and order.generators)


def _both(accelerator, order, kind):
    """Each side's lines, or what it raised."""
    lines = {}
    for side in ("stock", "ours"):
        try:
            lines[side] = accelerated(accelerator, side, order, kind)
        except Exception as error:
            lines[side] = [("raised", type(error).__name__, str(error)[:200])]
    return lines


def one_process(order, kind):
    def run(daemon):
        from accelerate import Accelerator

        lines = _both(Accelerator(cpu=True), order, kind)
        return _verdict(lines["stock"], lines["ours"])

    return run


def _verdict(theirs, ours):
    if theirs[0][0] == "raised":
        return "none", ""  # the stock loader cannot, either
    text = trace.difference(theirs, ours)
    return ("different", text) if text else ("equal", "")


class TwoProcesses:
    """All of it at once, in one run of two ranks; the combinations ask for their part."""

    def __init__(self):
        self._seen = None

    def lines(self, name):
        if self._seen is None:
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(
                    [sys.executable, "-m", "torch.distributed.run", "--standalone",
                     "--nproc-per-node=2", "-m", "harness.trainers", folder], check=True,
                    env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300,
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                self._seen = [json.loads((pathlib.Path(folder) / str(rank)).read_text())
                              for rank in range(2)]
        return [seen[name] for seen in self._seen]

    def run(self, order, kind):
        def run(daemon):
            for lines in self.lines(f"{kind}/{order.name}"):
                result = _verdict(lines["stock"], lines["ours"])
                if result[0] != "equal":
                    break
            return result

        return run


def main():
    from accelerate import Accelerator

    warnings.simplefilter("ignore")
    accelerator = Accelerator(cpu=True)
    seen = {f"{kind}/{order.name}": _both(accelerator, order, kind)
            for order in orders.ORDERS for kind in KINDS if takes(order, kind)}
    (pathlib.Path(sys.argv[1]) / str(accelerator.process_index)).write_text(json.dumps(seen))
    accelerator.wait_for_everyone()
    os._exit(0)  # gloo's threads outlive torch's teardown now and then


# ---- Lightning: fit and validate, and its own checkpoints

CHECKPOINTS = {
    "step": dict(every_n_train_steps=3), "epoch": dict(every_n_epochs=1),
    "validation": dict(every_n_epochs=1, save_on_train_epoch_end=False),
}


def _lightning():
    """The classes, made when first wanted: the import takes seconds."""
    import pytorch_lightning
    from pytorch_lightning.callbacks import Callback

    class Model(pytorch_lightning.LightningModule):
        def __init__(self, generators):
            super().__init__()
            self.net = torch.nn.Linear(64, 10)
            self.seen = trace.Trace(generators)

        def training_step(self, batch, _):
            self.seen.batch(batch)
            return torch.nn.functional.cross_entropy(self.net(batch[0].flatten(1)), batch[1])

        def validation_step(self, batch, _):
            if not self.trainer.sanity_checking:
                self.seen.lines.append(("validated", batch[2].tolist()))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    class Kept(Callback):
        """The generators, which Lightning's checkpoint leaves out."""

        def __init__(self, generators):
            self.generators = generators

        def state_dict(self):
            return {"states": [torch.get_rng_state(), *(g.get_state() for g in self.generators)],
                    "others": (random.getstate(), np.random.get_state())}

        def load_state_dict(self, state):
            torch.set_rng_state(state["states"][0])
            random.setstate(state["others"][0])
            np.random.set_state(state["others"][1])
            for generator, kept in zip(self.generators, state["states"][1:]):
                generator.set_state(kept)

    return pytorch_lightning, Model, Kept


def _fit(side, order, folder=None, checkpoint=None, when=None):
    lightning, Model, Kept = _lightning()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    generators = [torch.Generator().manual_seed(100 + i) for i in range(order.generators)]
    trace.seed_all(11)
    model = Model(generators)
    keep = [] if folder is None else [lightning.callbacks.ModelCheckpoint(
        folder, "{step}", save_top_k=-1, **CHECKPOINTS[when])]
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=bool(keep),
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[Kept(generators), *keep])
    training = order.make(side, 8, False, generators)
    validating = orders.ORDERS[0]._replace(split="test").make(side, 8, False, [])
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        trainer.fit(model, training, validating, ckpt_path=checkpoint, weights_only=False)
    return model


def lightning(order, when):
    """Both sides alike; and from each of Lightning's checkpoints on, what the stock one saw that
    never ended. Behind a validation Lightning itself draws a number anew when it goes on: there the
    stock program goes on from its own checkpoint, too."""
    def run(daemon):
        with tempfile.TemporaryDirectory() as theirs, tempfile.TemporaryDirectory() as folder:
            whole = _fit("stock", order, theirs, when=when)
            ours = _fit("ours", order, folder, when=when)
            text = trace.difference(whole.seen.lines, ours.seen.lines)
            if text:
                return "different", text
            batches = [line for line in whole.seen.lines if line[0] == "batch"]
            for path in sorted(pathlib.Path(folder).glob("*.ckpt")):
                step = int(path.stem.split("=")[1].split("-")[0])
                rest = _fit("ours", order, checkpoint=str(path))
                model, wanted = whole, batches[step:]
                if when == "validation":
                    model = _fit("stock", order, checkpoint=f"{theirs}/{path.name}")
                    wanted = [line for line in model.seen.lines if line[0] == "batch"]
                text = trace.difference(
                    wanted, [line for line in rest.seen.lines if line[0] == "batch"])
                if text:
                    return "different", f"from {path.name}: {text}"
                for a, b in zip(model.parameters(), rest.parameters()):
                    if not torch.equal(a, b):
                        return "different", f"from {path.name}: other weights"
        return "equal", ""

    return run


if __name__ == "__main__":
    main()
