# SPDX-License-Identifier: MIT
"""Builds fmnist: the extension, the library inside and the programs are make's work.

The C sources are those of the checkout around this folder. A source package carries the ones that
it needs in its folder `tree`, so that it builds by itself. The package has fmnistd and fmnistctl,
too, where what those need is installed. An editable install builds in the checkout's build folder
and uses what lies there. scripts/wheels has built what it hands over in FMNIST_PORTABLE.
"""
import os
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = os.path.dirname(os.path.abspath(__file__))
CARRIED = os.path.join(HERE, "tree")
TREE = CARRIED if os.path.isdir(CARRIED) else os.path.dirname(os.path.dirname(HERE))
HEADER = os.path.join(TREE, "include", "fmnist.h")
PORTABLE = os.environ.get("FMNIST_PORTABLE")  # a folder of all that a wheel brings
PROGRAMS = {"fmnistd": "libuv, liburing, xxhash, zlib, libcyaml and jansson",
            "fmnistctl": "ncurses, libpng, jansson, libarchive and zlib"}

if not sys.platform.startswith("linux"):
    sys.exit(f"fmnist is for Linux, whose shared memory it reads; this is {sys.platform}")
if not os.path.exists(HEADER):
    sys.exit(f"no {HEADER}: build this package from a checkout, with `pip install ./src/python`, "
             "or from its source package")
with open(HEADER, encoding="utf-8") as file:
    VERSION = re.search(r'#define FMNIST_VERSION\s+"(.*)"', file.read())[1]


def make(*arguments, **options):
    try:
        return subprocess.run(["make", "--no-print-directory", "-C", TREE, *arguments], check=True,
                              **options)
    except FileNotFoundError:
        sys.exit("fmnist's extension is C: building it needs make and gcc (or CC=another compiler)")


class BuildExtension(build_ext):
    def build_extension(self, ext):
        if self.editable_mode:
            self.build(os.environ.get("BUILD", "build"))
            return
        target = self.get_ext_fullpath(ext.name)
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        if PORTABLE:
            shutil.copytree(PORTABLE, folder, dirs_exist_ok=True)
            return
        built = os.path.abspath(os.path.join(self.build_temp, "make"))
        for program in self.build(built):
            shutil.copy2(program, folder)
        shutil.copy2(os.path.join(built, "python", "fmnist", "_native.abi3.so"), target)

    def build(self, built):
        """Makes the extension, and of the programs those that can be made here: their paths."""
        arguments = f"BUILD={built}", f"PYTHON={sys.executable}", f"-j{os.cpu_count()}"
        make(*arguments, "python")
        made = []
        for name, needs in PROGRAMS.items():
            program = os.path.join(built, name)
            try:
                make(*arguments, program)
                made.append(program)
            except subprocess.CalledProcessError:
                self.warn(f"{name} cannot be built here: it needs {needs} with their headers (in a "
                          "checkout: scripts/install-packages build). One of PATH is used in its "
                          "place")
        return made

    def copy_extensions_to_source(self):
        """Nothing: the package finds the build folder of the tree that it lies in."""


class SourcePackage(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        listed = make("-s", "python-sources", stdout=subprocess.PIPE, text=True).stdout
        for name in listed.split():
            target = os.path.join(base_dir, "tree", name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(os.path.join(TREE, name), target)


setup(version=VERSION, cmdclass={"build_ext": BuildExtension, "sdist": SourcePackage},
      ext_modules=[Extension("fmnist._native", [], py_limited_api=True)],
      options={"bdist_wheel": {"py_limited_api": "cp310"}})
