# SPDX-License-Identifier: MIT
"""Runs docs/examples/chapter.ipynb from its first cell to its last, in a kernel of its own.

usage: python tests/python/notebook.py     writes what it printed and drew into the file

What is compared with the file is every text that the cells print or give, but of those that are
tagged "measured"; of pictures, where they stand.
"""
import os
import pathlib
import re
import sys

import fmnist

NOTEBOOK = pathlib.Path(__file__).resolve().parents[2] / "docs/examples/chapter.ipynb"
SECONDS = 600  # of a cell, on a busy machine


def read():
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)


def run(notebook):
    """Executes it in place. Errors: nbclient.exceptions.CellExecutionError, with the cell."""
    from nbclient import NotebookClient

    # the kernel runs in the notebook's folder: with this fmnist, wherever that is from
    os.environ["PYTHONPATH"] = str(pathlib.Path(fmnist.__file__).resolve().parents[1])
    NotebookClient(notebook, timeout=SECONDS, startup_timeout=SECONDS, kernel_name="python3",
                   resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _tidy(cell)


def _tidy(cell):
    """Leaves out what is no result: when a cell ran, and a picture's object as text."""
    cell.metadata.pop("execution", None)
    merged = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = "".join(data["image/png"].split())
            data.pop("text/plain", None)
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and last.name == output.name:
            last.text += output.text
        else:
            merged.append(output)
    cell.outputs = merged


def is_measured(cell):
    return "measured" in cell.metadata.get("tags", [])


def results(cell):
    """A cell's outputs as they are compared."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append((output.name, output.text))
        elif "image/png" in output.data:
            found.append(("picture", ""))
        else:
            found.append(("value", output.data["text/plain"]))
    return [kind for kind, _ in found] if is_measured(cell) else found


def write(notebook):
    import nbformat

    text = nbformat.writes(notebook)
    NOTEBOOK.write_text(re.sub(r"\s*\Z", "\n", text), encoding="utf-8")


if __name__ == "__main__":
    executed = read()
    run(executed)
    write(executed)
    print(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size} bytes")
    sys.exit(0)
