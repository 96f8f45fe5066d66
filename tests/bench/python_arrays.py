#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a batch costs a program in TensorFlow, Keras, JAX or MXNet, by the adapters and by what else
there is.

As python.py, whose arguments it has: arrays that the program could train on. The chapter's ways
resize each image; those in memory have images that were resized beforehand, which is not timed.
"""
import os

from python import Ways, main
from peers import SIDE

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class ArrayWays(Ways):
    def spec(self):
        return dict(batch_size=self.batch, height=SIDE, width=SIDE, shuffle=True)

    # ---- TensorFlow, Keras

    def tf_loader(self, **options):
        from fmnist.tensorflow import Loader

        loader = Loader(**self.spec(), **options)
        return lambda: loader

    def tf_dataset(self):
        from fmnist.tensorflow import dataset

        data = dataset(**self.spec())
        return lambda: data

    def py_dataset(self):
        from fmnist.keras import PyDataset

        data = PyDataset(**self.spec())

        def epoch():
            yield from map(data.__getitem__, range(len(data)))
            data.on_epoch_end()
        return epoch

    def tf_chapter(self):
        import tensorflow as tf

        images, labels = self.raw()
        data = tf.data.Dataset.from_tensor_slices(
            (images[..., None].astype("float32") / 255, labels.astype("int32")))
        data = data.batch(self.batch).map(
            lambda X, y: (tf.image.resize_with_pad(X, SIDE, SIDE), y)).shuffle(len(images))
        return lambda: data

    def tf_tuned(self):
        """Shuffled numbers, by which a batch at a time is gathered."""
        import tensorflow as tf

        X, y = tf.constant(self.levels()), tf.constant(self.labels())
        data = (tf.data.Dataset.range(len(y)).shuffle(len(y)).batch(self.batch)
                .map(lambda i: (tf.cast(tf.gather(X, i), tf.float32) / 255, tf.gather(y, i)),
                     num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE))
        return lambda: data

    # ---- JAX

    def jax_iterator(self, **options):
        from fmnist.jax import iterator

        return lambda: iterator(**self.spec(), epochs=1, **options)

    def jax_device(self):
        from fmnist.jax import device_iterator

        iterator = self.jax_iterator()
        return lambda: device_iterator(iterator())

    def grain(self):
        import grain

        X, y = self.floats(), self.labels()

        class Source:
            def __len__(self):
                return len(X)

            def __getitem__(self, i):
                return X[i], y[i]

        data = grain.MapDataset.source(Source()).shuffle(seed=1).batch(self.batch)
        return data.to_iter_dataset

    def grain_device(self):
        import jax

        epoch = self.grain()
        return lambda: map(jax.device_put, epoch())

    # ---- MXNet

    def mxnet_loader(self):
        from fmnist.mxnet import Loader

        loader = Loader(**self.spec())
        return lambda: loader

    def gluon(self):
        from mxnet import gluon, nd
        from mxnet.gluon.data.vision import transforms

        images, labels = self.raw()
        data = gluon.data.ArrayDataset(nd.array(images[..., None], dtype="uint8"), labels)
        change = transforms.Compose([transforms.Resize(SIDE), transforms.ToTensor()])
        loader = gluon.data.DataLoader(data.transform_first(change), self.batch, shuffle=True)
        return lambda: loader

    def ways(self):
        return {
            "fmnist.tensorflow.Loader": self.tf_loader,
            "fmnist.tensorflow.Loader-zero-copy": lambda: self.tf_loader(zero_copy=True),
            "fmnist.tensorflow.dataset": self.tf_dataset,
            "fmnist.keras.PyDataset": self.py_dataset,
            "tf-data-chapter": self.tf_chapter,
            "tf-data-tuned": self.tf_tuned,
            "fmnist.jax.iterator": self.jax_iterator,
            "fmnist.jax.iterator-zero-copy": lambda: self.jax_iterator(zero_copy=True),
            "fmnist.jax.device_iterator": self.jax_device,
            "grain": self.grain,
            "grain-device-put": self.grain_device,
            "fmnist.mxnet.Loader": self.mxnet_loader,
            "gluon-chapter": self.gluon,
        }


if __name__ == "__main__":
    main(ArrayWays, __doc__)
