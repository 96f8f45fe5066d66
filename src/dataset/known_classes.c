/* SPDX-License-Identifier: MIT */
/* The lists of class names. What files a set has is known.c's. */
#include "dataset/known_classes.h"

#include <ctype.h>
#include <string.h>

/* ---- clothes and characters ---------------------------------------------------------------- */

#define DIGITS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"
#define UPPER                                                                                      \
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", \
        "T", "U", "V", "W", "X", "Y", "Z"
#define LOWER                                                                                      \
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", \
        "t", "u", "v", "w", "x", "y", "z"

static const char *const fashion[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                      "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
static const char *const mnist[] = {"0 - zero", "1 - one", "2 - two",   "3 - three", "4 - four",
                                    "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"};
static const char *const kmnist[] = {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"};
/* Hiragana by the rows of their table, in Hepburn's letters; the last one repeats a syllable. */
static const char *const k49[] = {"a",  "i",  "u",   "e",   "o",   "ka", "ki",
                                  "ku", "ke", "ko",  "sa",  "shi", "su", "se",
                                  "so", "ta", "chi", "tsu", "te",  "to", "na",
                                  "ni", "nu", "ne",  "no",  "ha",  "hi", "fu",
                                  "he", "ho", "ma",  "mi",  "mu",  "me", "mo",
                                  "ya", "yu", "yo",  "ra",  "ri",  "ru", "re",
                                  "ro", "wa", "wi",  "we",  "wo",  "n",  "iteration mark"};
static const char *const emnist_byclass[] = {DIGITS, UPPER, LOWER};
/* Without the small letters that look like their capitals. */
static const char *const emnist_bymerge[] = {DIGITS, UPPER, "a", "b", "d", "e", "f",
                                             "g",    "h",   "n", "q", "r", "t"};
/* The labels of this set begin at 1. */
static const char *const emnist_letters[] = {"N/A", LOWER};
static const char *const digits[] = {DIGITS};
static const char *const notmnist[] = {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J"};

/* ---- photographs --------------------------------------------------------------------------- */

static const char *const cifar_10[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                       "dog",      "frog",       "horse", "ship", "truck"};
static const char *const cifar_100[] = {
    "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
    "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
    "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
    "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
    "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
    "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
    "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
    "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
    "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
    "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
    "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
    "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
    "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
    "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
    "table",       "tank",          "telephone", "television", "tiger",        "tractor",
    "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
    "willow_tree", "wolf",          "woman",     "worm"};
static const char *const cifar_100_coarse[] = {"aquatic_mammals",
                                               "fish",
                                               "flowers",
                                               "food_containers",
                                               "fruit_and_vegetables",
                                               "household_electrical_devices",
                                               "household_furniture",
                                               "insects",
                                               "large_carnivores",
                                               "large_man-made_outdoor_things",
                                               "large_natural_outdoor_scenes",
                                               "large_omnivores_and_herbivores",
                                               "medium_mammals",
                                               "non-insect_invertebrates",
                                               "people",
                                               "reptiles",
                                               "small_mammals",
                                               "trees",
                                               "vehicles_1",
                                               "vehicles_2"};
static const char *const stl_10[] = {"airplane", "bird",  "car",    "cat",  "deer",
                                     "dog",      "horse", "monkey", "ship", "truck"};

/* ---- MedMNIST, its 2-D sets ---------------------------------------------------------------- */

static const char *const path[] = {"adipose",
                                   "background",
                                   "debris",
                                   "lymphocytes",
                                   "mucus",
                                   "smooth muscle",
                                   "normal colon mucosa",
                                   "cancer-associated stroma",
                                   "colorectal adenocarcinoma epithelium"};
/* Several at a time: a column of labels each. */
static const char *const chest[] = {
    "atelectasis",  "cardiomegaly",  "effusion", "infiltration", "mass",     "nodule",  "pneumonia",
    "pneumothorax", "consolidation", "edema",    "emphysema",    "fibrosis", "pleural", "hernia"};
static const char *const derma[] = {"actinic keratoses and intraepithelial carcinoma",
                                    "basal cell carcinoma",
                                    "benign keratosis-like lesions",
                                    "dermatofibroma",
                                    "melanoma",
                                    "melanocytic nevi",
                                    "vascular lesions"};
static const char *const oct[] = {"choroidal neovascularization", "diabetic macular edema",
                                  "drusen", "normal"};
static const char *const pneumonia[] = {"normal", "pneumonia"};
static const char *const retina[] = {"0", "1", "2", "3", "4"};
static const char *const breast[] = {"malignant", "normal, benign"};
static const char *const blood[] = {
    "basophil",     "eosinophil",
    "erythroblast", "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
    "lymphocyte",   "monocyte",
    "neutrophil",   "platelet"};
static const char *const tissue[] = {"Collecting Duct, Connecting Tubule",
                                     "Distal Convoluted Tubule",
                                     "Glomerular endothelial cells",
                                     "Interstitial endothelial cells",
                                     "Leukocytes",
                                     "Podocytes",
                                     "Proximal Tubule Segments",
                                     "Thick Ascending Limb"};
static const char *const organ[] = {"bladder",     "femur-left",   "femur-right", "heart",
                                    "kidney-left", "kidney-right", "liver",       "lung-left",
                                    "lung-right",  "pancreas",     "spleen"};

/* ---- the table ----------------------------------------------------------------------------- */

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define LIST(of, list)                                      \
    {                                                       \
        .name = (of), .names = (list), .count = COUNT(list) \
    }

static const struct known_classes lists[] = {
    LIST("fashion-mnist", fashion),
    LIST("mnist", mnist),
    LIST("kmnist", kmnist),
    LIST("qmnist", mnist),
    LIST("emnist-byclass", emnist_byclass),
    LIST("emnist-bymerge", emnist_bymerge),
    LIST("emnist-balanced", emnist_bymerge),
    LIST("emnist-letters", emnist_letters),
    LIST("emnist-digits", digits),
    LIST("emnist-mnist", digits),
    LIST("k49", k49),
    LIST("kuzushiji-49", k49),
    LIST("usps", digits),
    LIST("svhn", digits),
    LIST("notmnist", notmnist),
    LIST("cifar-10", cifar_10),
    LIST("cifar-100", cifar_100),
    LIST("cifar-100-fine", cifar_100),
    LIST("cifar-100-coarse", cifar_100_coarse),
    LIST("stl-10", stl_10),
    LIST("pathmnist", path),
    LIST("chestmnist", chest),
    LIST("dermamnist", derma),
    LIST("octmnist", oct),
    LIST("pneumoniamnist", pneumonia),
    LIST("retinamnist", retina),
    LIST("breastmnist", breast),
    LIST("bloodmnist", blood),
    LIST("tissuemnist", tissue),
    LIST("organamnist", organ),
    LIST("organcmnist", organ),
    LIST("organsmnist", organ),
};

/* Of what counts in a name, the first bytes of any length. */
#define KEY_SIZE 32

static void key_of(const char *name, char key[KEY_SIZE])
{
    size_t n = 0;
    for (; *name && n < KEY_SIZE - 1; name++)
        if (isalnum((unsigned char)*name))
            key[n++] = (char)tolower((unsigned char)*name);
    key[*name ? 0 : n] = 0; /* longer than any that is known */
}

/* "pathmnist128": the size is no part of what the classes are. */
static void cut_size(char *key)
{
    static const char *const sizes[] = {"28", "64", "128", "224"};
    static const char family[] = "mnist";
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t cut = strlen(sizes[i]), n = strlen(key);
        if (n < cut + strlen(family) || strcmp(key + n - cut, sizes[i]) != 0)
            continue;
        if (strncmp(key + n - cut - strlen(family), family, strlen(family)) == 0)
            key[n - cut] = 0;
    }
}

static const struct known_classes *find_key(const char *key)
{
    char other[KEY_SIZE];
    for (size_t i = 0; i < COUNT(lists); i++) {
        key_of(lists[i].name, other);
        if (strcmp(key, other) == 0)
            return &lists[i];
    }
    return NULL;
}

const struct known_classes *known_classes_find(const char *name)
{
    char key[KEY_SIZE];
    key_of(name, key);
    const struct known_classes *found = find_key(key);
    if (found)
        return found;
    cut_size(key);
    return find_key(key);
}

const struct known_classes *known_classes_at(size_t i)
{
    return i < COUNT(lists) ? &lists[i] : NULL;
}
