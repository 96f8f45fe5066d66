"""Builds fmnist from a source checkout: the extension and the library inside are make's work."""
import os
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(TREE, "include", "fmnist.h")

if not os.path.exists(HEADER):
    sys.exit(f"no {HEADER}: build this package from a checkout, with `pip install ./src/python`")
with open(HEADER, encoding="utf-8") as file:
    VERSION = re.search(r'#define FMNIST_VERSION\s+"(.*)"', file.read())[1]


class Make(build_ext):
    def build_extension(self, ext):
        built = os.path.abspath(os.path.join(self.build_temp, "make"))
        subprocess.run(["make", "-C", TREE, f"BUILD={built}", f"PYTHON={sys.executable}",
                        f"-j{os.cpu_count()}", "python"], check=True)
        target = self.get_ext_fullpath(ext.name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(built, "python", "fmnist", "_native.abi3.so"), target)


setup(version=VERSION, cmdclass={"build_ext": Make},
      ext_modules=[Extension("fmnist._native", [], py_limited_api=True)],
      options={"bdist_wheel": {"py_limited_api": "cp311"}})
