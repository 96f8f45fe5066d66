/* The table of datasets known by name. Does not open anything. */
#include "dataset/known.h"

#include <string.h>

static const char *const fashion_classes[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                              "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                              "Bag",         "Ankle boot"};

static const char *const digit_classes[] = {"0 - zero",  "1 - one",  "2 - two", "3 - three",
                                            "4 - four",  "5 - five", "6 - six", "7 - seven",
                                            "8 - eight", "9 - nine"};

static const char *const kuzushiji_classes[] = {"o",  "ki", "su", "tsu", "na",
                                                "ha", "ma", "ya", "re",  "wo"};

#define DIGITS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"
#define UPPER                                                                                      \
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", \
        "T", "U", "V", "W", "X", "Y", "Z"
#define LOWER                                                                                      \
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", \
        "t", "u", "v", "w", "x", "y", "z"

static const char *const emnist_byclass[] = {DIGITS, UPPER, LOWER};
/* Without the small letters that look like their capitals. */
static const char *const emnist_bymerge[] = {DIGITS, UPPER, "a", "b", "d", "e", "f",
                                             "g",    "h",   "n", "q", "r", "t"};
/* The labels of this set begin at 1. */
static const char *const emnist_letters[] = {"N/A", LOWER};
static const char *const emnist_digits[] = {DIGITS};

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MNIST_FILES                                               \
    {                                                             \
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},   \
            {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}, \
    }
#define EMNIST(set, names)                                                   \
    {                                                                        \
        .name = "emnist-" set,                                               \
        .splits = {{"emnist-" set "-train-images-idx3-ubyte",                \
                    "emnist-" set "-train-labels-idx1-ubyte"},               \
                   {"emnist-" set "-test-images-idx3-ubyte",                 \
                    "emnist-" set "-test-labels-idx1-ubyte"}},               \
        .classes = (names), .class_count = COUNT(names), .transposed = true, \
    }

static const struct known_dataset known[] = {
    {.name = "fashion-mnist",
     .splits = MNIST_FILES,
     .classes = fashion_classes,
     .class_count = COUNT(fashion_classes)},
    {.name = "mnist",
     .splits = MNIST_FILES,
     .classes = digit_classes,
     .class_count = COUNT(digit_classes)},
    {.name = "kmnist",
     .splits = MNIST_FILES,
     .classes = kuzushiji_classes,
     .class_count = COUNT(kuzushiji_classes)},
    {.name = "qmnist",
     .splits = {{"qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"},
                {"qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"}},
     .classes = digit_classes,
     .class_count = COUNT(digit_classes),
     .label_columns = 8},
    EMNIST("byclass", emnist_byclass),
    EMNIST("bymerge", emnist_bymerge),
    EMNIST("balanced", emnist_bymerge),
    EMNIST("letters", emnist_letters),
    EMNIST("digits", emnist_digits),
    EMNIST("mnist", emnist_digits),
};

const struct known_dataset *known_at(size_t i)
{
    return i < COUNT(known) ? &known[i] : NULL;
}

const struct known_dataset *known_find(const char *name)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}
