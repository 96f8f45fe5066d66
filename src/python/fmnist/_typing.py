# SPDX-License-Identifier: MIT
"""What typing has from 3.11 on, for 3.10: type checkers know it there too, help() says less."""
import sys
from typing import TYPE_CHECKING

if sys.version_info >= (3, 11):
    from typing import Self as Self, Unpack as Unpack
elif TYPE_CHECKING:
    from typing_extensions import Self as Self, Unpack as Unpack
else:
    from typing import Any as Self

    class Unpack:
        def __class_getitem__(cls, item):
            return item
