# SPDX-License-Identifier: MIT
"""The notebook and the scripts that walk the chapter, run as a user runs them. MXNet's script is in
test_mxnet_examples.py: it needs another environment."""

import pytest

import examples


# Every value that the notebook shows is what its cell gives.
def test_notebook__each_cell__gives_what_it_shows(tmp_path, monkeypatch):
    for module in ("torch", "matplotlib", "nbclient", "ipykernel"):
        pytest.importorskip(module)
    import notebook

    shown, ran = notebook.read(), notebook.read()
    for name, value in examples.without_daemon(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    notebook.run(ran)
    pairs = [(was, now) for was, now in zip(shown.cells, ran.cells) if was.cell_type == "code"]
    for was, now in pairs:
        assert notebook.results(now) == notebook.results(was), was.source
    assert sum(bool(notebook.results(was)) for was, _ in pairs) >= len(pairs) - 1  # the imports
    assert sum(("picture", "") in notebook.results(was) for was, _ in pairs) >= 3
    assert notebook.NOTEBOOK.stat().st_size < 200_000


@pytest.mark.parametrize("tab, batch", [
    ("jax", "(64, 32, 32, 1) float32 (64,) int32"),
    ("tensorflow", "(64, 32, 32, 1) <dtype: 'float32'> (64,) <dtype: 'int32'>"),
])
def test_script__as_a_user_runs_it__the_chapters_values(tab, batch, tmp_path):
    pytest.importorskip(tab)
    pytest.importorskip("matplotlib")
    examples.check_script(tab, tmp_path, "60000 10000", "(28, 28)", batch)
