# SPDX-License-Identifier: MIT
"""fmnist.torch.Loader under Lightning's Trainer: from its own checkpoints it goes on exactly."""
import pytest

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("pytorch_lightning")

from pytorch_lightning.callbacks import Callback, ModelCheckpoint  # noqa: E402

from fmnist.torch import Loader  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
        self.seen, self.validated = [], []

    def training_step(self, batch, _):
        X, y, numbers = batch
        self.seen.append(numbers.tolist())
        return torch.nn.functional.cross_entropy(self.net(X), y)

    def validation_step(self, batch, _):
        self.validated.append(batch[2].tolist())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Kept(Callback):
    """torch's global generator, which Lightning's checkpoint leaves out."""

    def state_dict(self):
        return {"generator": torch.get_rng_state()}

    def load_state_dict(self, state):
        torch.set_rng_state(state["generator"])


def fit(model, epochs, callbacks=(), order=None, **more):
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, callbacks=list(callbacks),
        enable_checkpointing=bool(callbacks), enable_progress_bar=False,
        enable_model_summary=False)
    options = dict(split="test", with_indices=True, batch_size=650)
    trainer.fit(model, Loader(shuffle=True, **(order or {"seed": 3}), **options),
                Loader(**options), **more)
    return model


@pytest.mark.parametrize("when", [dict(every_n_train_steps=7), dict(every_n_train_steps=16),
                                  dict(every_n_train_steps=23), dict(every_n_epochs=1),
                                  dict(every_n_epochs=2)], ids=str)
def test_lightning__a_checkpoint_of_its_own__goes_on(daemon, tmp_path, when):
    torch.manual_seed(0)
    keep = ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, monitor=None, **when)
    whole = fit(Model(), 4, [keep])
    saved = sorted(tmp_path.glob("*.ckpt"))
    assert saved
    for path in saved:
        step = int(path.stem.split("=")[1].split("-")[0])
        rest = fit(Model(), 4, ckpt_path=str(path))
        assert rest.seen == whole.seen[step:], step
        assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), rest.parameters()))


def test_lightning__validation_in_the_epoch__each_sample_once(daemon):
    model = fit(Model(), 2)
    once = list(range(10000))
    for part in (model.validated[-16:], model.validated[-32:-16]):
        assert sum(part, []) == once
    for part in (model.seen[:16], model.seen[16:]):
        assert sorted(sum(part, [])) == once
    assert model.seen[:16] != model.seen[16:]
