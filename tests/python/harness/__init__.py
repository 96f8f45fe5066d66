# SPDX-License-Identifier: MIT
"""The same small program twice: on PyTorch's DataLoader and on ours. Whatever differs is a bug.

tiny       a small data set, and the built daemon that serves it
trace      what is compared: batches, lengths, the state of every random generator behind each batch
orders     how the order is said, to each of the two
events     what happens: several epochs, broken off, two at once, saved and loaded, ...
drivers    who iterates: a plain loop, DataLoader around it, StatefulDataLoader, accelerate, ...
trainers   Lightning and accelerate in processes of their own
frameworks JAX's loader and iterator (jax_programs) and Keras' model.fit (keras_fit), beside what
           `documented` says of them in NumPy

`scripts/harness --help` runs it.
"""
