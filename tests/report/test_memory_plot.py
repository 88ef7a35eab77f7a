"""The stored bound against memory bits: which points there are, and the plot."""

from kpp_tf.report import memory_plot
from kpp_tf.report.results import Result


def _bound(value, unit="nats/image"):
    return {"value": value, "standard_error": 0.5, "unit": unit}


def _result(system, name, value, unit="nats/image", **content):
    return Result(system, name, {"stored": _bound(value, unit), **content})


def test_a_model_without_rates_has_the_bits_of_its_memory():
    (point,) = memory_plot.points(
        [
            _result("kpp", "cifar10", 2.5, "bits/dim", memory_bits_per_image=32768),
            _result("vae", "cifar10", 3.5, "bits/dim", memory_bits_per_image=0),
            _result("km", "cifar10", 4.5, "bits/dim"),
        ]
    )
    assert point[:4] == ("cifar10", "K++", True, 32_768)
    assert point.row["value"] == 2.5


def test_rates_are_of_the_model_or_of_a_code_that_all_share():
    rows = [
        {**_bound(16.5), "code": "model, memory of int4", "bits_per_image": 484.0},
        {**_bound(40.5), "code": "PCA, 88 numbers", "bits_per_image": 2816.0},
    ]
    ours = [
        _result(system, "binarized_mnist_792", 13.0, data="binarized_mnist", rate=rows)
        for system in ("kpp", "km")
    ]
    found = memory_plot.points(ours)
    assert [(p.title, p.of_model, p.bits, p.row["value"]) for p in found] == [
        ("K++, binarized_mnist_792", True, 484.0, 16.5),
        ("PCA, 88 numbers", False, 2816.0, 40.5),
        ("KM, binarized_mnist_792", True, 484.0, 16.5),
    ]
    assert {point.data for point in found} == {"binarized_mnist"}


def test_it_is_drawn_if_there_is_a_point(tmp_path):
    assert memory_plot.draw([], tmp_path) is None
    unknown = _result("kpp", "glyphs", 20.0, memory_bits_per_image=99)
    assert memory_plot.draw([unknown], tmp_path) is None
    assert not list(tmp_path.iterdir())
    known = _result("kpp", "cifar10", 2.5, "bits/dim", memory_bits_per_image=99)
    file = memory_plot.draw([unknown, known], tmp_path)
    assert file == tmp_path / memory_plot.FILE
    assert file.read_bytes()[:4] == b"\x89PNG"
