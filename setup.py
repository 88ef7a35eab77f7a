"""The packages of a wheel: kpp_tf, with configs/ and explorer/ inside, and kpp_tools.

kpp_tools is no part of kpp_tf, so that a program can read its flags before anything of
TensorFlow is imported. All else is in pyproject.toml.
"""

from setuptools import find_packages, setup

FROM_FOLDERS = {
    "kpp_tf.configs": "configs",
    "kpp_tf.explorer": "explorer",
    "kpp_tools": "tools",
}

setup(
    packages=[*find_packages(include=["kpp_tf", "kpp_tf.*"]), *FROM_FOLDERS],
    package_dir=FROM_FOLDERS,
)
