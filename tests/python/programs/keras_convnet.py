# SPDX-License-Identifier: MIT
"""After Keras' introductory convnet: model.fit and evaluate."""
import keras
import numpy
import raw
from keras import layers

BATCH = 128
ORDER = {"train": numpy.random.default_rng(0).permutation(60000)[:2000],
         "test": numpy.arange(1000)}


class Batches(keras.utils.PyDataset):
    """The arrays' batches, as a program without the daemon has them."""

    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels

    def __len__(self):
        return -(-len(self.images) // BATCH)

    def __getitem__(self, i):
        part = slice(i * BATCH, (i + 1) * BATCH)
        return self.images[part], self.labels[part]


def data(split):
    if raw.SIDE == "fmnist":
        from fmnist.keras import PyDataset

        return PyDataset(split=split, batch_size=BATCH, indices=ORDER[split])
    if raw.SIDE == "fmnist-dataset":
        from fmnist.tensorflow import dataset

        return dataset(split=split, batch_size=BATCH, indices=ORDER[split])
    images, labels = raw.arrays(split)
    images = images[ORDER[split], ..., None].astype("float32") / 255
    return Batches(images, labels[ORDER[split]].astype("int32"))


def main():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    seen = model.fit(data("train"), epochs=3, validation_data=data("test"), shuffle=False,
                     verbose=0)
    for name, values in seen.history.items():
        print(f"{name}: {values}")
    loss, accuracy = model.evaluate(data("test"), verbose=0)
    print(f"test: loss {loss!r}, accuracy {accuracy!r}")
    print("predicted", model.predict(data("test"), verbose=0).argmax(1)[:20])
    print(raw.weights(model.get_weights()))


if __name__ == "__main__":
    main()
