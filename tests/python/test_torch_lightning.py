"""fmnist.torch.Loader under Lightning's Trainer: its own checkpoint, in the midst of an epoch."""

import pytest

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("pytorch_lightning")

from fmnist.torch import Loader  # noqa: E402


class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
        self.seen = []

    def training_step(self, batch, _):
        X, y, numbers = batch
        self.seen.append(numbers.tolist())
        return torch.nn.functional.cross_entropy(self.net(X), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(model, steps, **more):
    trainer = lightning.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False)
    loader = Loader(split="test", shuffle=True, seed=3, with_indices=True, batch_size=100)
    trainer.fit(model, loader, **more)
    return trainer


@pytest.mark.filterwarnings("ignore")
def test_lightning__its_checkpoint_inside_an_epoch__goes_on(daemon, tmp_path):
    torch.manual_seed(0)
    whole = Model()
    fit(whole, 230)
    torch.manual_seed(0)
    first, second = Model(), Model()
    fit(first, 130).save_checkpoint(tmp_path / "checkpoint")
    fit(second, 230, ckpt_path=str(tmp_path / "checkpoint"))
    assert first.seen + second.seen == whole.seen
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters()))
