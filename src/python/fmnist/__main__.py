# SPDX-License-Identifier: MIT
"""python -m fmnist is fmnistctl."""
from _fmnist_programs import fmnistctl

fmnistctl()
