# SPDX-License-Identifier: MIT
"""After Keras' "Simple MNIST convnet" as it loads data: whole arrays, a part of which validates."""
import keras
import numpy
import raw
from keras import layers

import fmnist


def load_data():
    if raw.SIDE == "fmnist":
        return fmnist.load_data()
    return raw.arrays("train"), raw.arrays("test")


def main():
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load_data()
    print(x_train.shape, x_train.dtype, y_train.shape, y_train.dtype, x_test.shape, y_test.shape)
    x_train = numpy.expand_dims(x_train[:2000].astype("float32") / 255, -1)
    x_test = numpy.expand_dims(x_test[:1000].astype("float32") / 255, -1)
    y_train = keras.utils.to_categorical(y_train[:2000], 10)
    y_test = keras.utils.to_categorical(y_test[:1000], 10)
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    seen = model.fit(x_train, y_train, batch_size=64, epochs=3, validation_split=0.1, verbose=0)
    for name, values in seen.history.items():
        print(f"{name}: {values}")
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test: loss {loss!r}, accuracy {accuracy!r}")
    print(raw.weights(model.get_weights()))


if __name__ == "__main__":
    main()
