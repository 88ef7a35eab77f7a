"""The stored bound against memory bits: which points there are, and the picture."""

from kpp_tf.report import rate
from kpp_tf.report.results import Result


def _bound(value, unit="nats/image"):
    return {"value": value, "standard_error": 0.5, "unit": unit}


def _result(system, name, value, unit="nats/image", **content):
    return Result(system, name, {"stored": _bound(value, unit), **content})


def test_a_model_without_rates_has_the_bits_of_its_floats():
    (point,) = rate.points(
        [
            _result("kpp", "cifar10", 2.5, "bits/dim", memory_floats_per_image=1024),
            _result("vae", "cifar10", 3.5, "bits/dim", memory_floats_per_image=0),
            _result("km", "cifar10", 4.5, "bits/dim"),
        ]
    )
    assert point == ("cifar10", "kpp/cifar10", True, 32_768, 2.5, 0.5, "bits/dim")


def test_rates_are_of_the_model_or_of_a_code_that_all_share():
    rows = [
        {**_bound(16.5), "code": "model, memory of int4", "bits_per_image": 484.0},
        {**_bound(40.5), "code": "PCA, 88 numbers", "bits_per_image": 2816.0},
    ]
    ours = [
        _result(system, "binarized_mnist_792", 13.0, data="binarized_mnist", rate=rows)
        for system in ("kpp", "km")
    ]
    found = [(p.name, p.of_model, p.bits, p.value) for p in rate.points(ours)]
    assert found == [
        ("kpp/binarized_mnist_792", True, 484.0, 16.5),
        ("PCA, 88 numbers", False, 2816.0, 40.5),
        ("km/binarized_mnist_792", True, 484.0, 16.5),
    ]
    assert {point.data for point in rate.points(ours)} == {"binarized_mnist"}


def test_it_is_drawn_where_there_is_something(tmp_path):
    assert rate.draw([], tmp_path) is None and rate.panels([]) == []
    unknown = _result("kpp", "glyphs", 20.0, memory_floats_per_image=99)
    assert rate.draw([unknown], tmp_path) is None and not list(tmp_path.iterdir())
    results = [_result("kpp", "cifar10", 2.5, "bits/dim", memory_floats_per_image=99)]
    file = rate.draw([unknown, *results], tmp_path)
    assert file == tmp_path / rate.FILE and file.read_bytes()[:4] == b"\x89PNG"
