# SPDX-License-Identifier: MIT
fmnistctl completion fish | source
