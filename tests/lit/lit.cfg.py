"""IR tests: each .mlir file holds RUN lines and what FileCheck expects."""

import os

import lit.formats

config.name = "fettle"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.substitutions += [("FileCheck", config.filecheck)]
config.environment["PATH"] = config.fettle_tools + os.pathsep + os.environ["PATH"]
