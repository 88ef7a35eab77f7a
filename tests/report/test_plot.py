"""The plot of RESULTS.md: which points it has."""

from kpp_tf.report import plot
from kpp_tf.report.results import Result


def _result(system, name, value, unit="nats/image", **content):
    stored = {"value": value, "standard_error": 0.1, "unit": unit}
    return Result(system, name, {"stored": stored, **content})


def test_points_are_bits_and_bounds_by_data_set():
    found = plot.points(
        [
            _result("kpp", "cifar10", 2.5, "bits/dim", memory_floats_per_image=1024),
            _result("kpp", "binarized_mnist", 13.0, memory_floats_per_image=99),
            _result("pca", "binarized_mnist", 40.0, memory_bits_per_image=704),
            _result("vae", "binarized_mnist", 85.0, memory_floats_per_image=0),
            _result("kpp", "fashion_mnist", 90.0, memory_floats_per_image=99),
            _result("kpp", "glyphs", 20.0, memory_floats_per_image=99),
        ]
    )
    assert list(found) == ["binarized_mnist", "cifar10"]
    assert found["binarized_mnist"] == [
        ("PCA and one logistic, no network", 704, 40.0),
        ("K++", 99 * 32, 13.0),
    ]
    assert found["cifar10"] == [("K++", 32_768, 2.5)]


def test_it_is_drawn_where_there_is_something(tmp_path):
    assert plot.draw([], tmp_path) is None and not list(tmp_path.iterdir())
    results = [_result("kpp", "cifar10", 2.5, "bits/dim", memory_floats_per_image=99)]
    file = plot.draw(results, tmp_path)
    assert file == tmp_path / plot.FILE and file.read_bytes()[:4] == b"\x89PNG"
