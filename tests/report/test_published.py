"""The published figures: the ones the source prints, each row and column known."""

from kpp_tf.report.published import DATA_SETS, FEW_SHOT, STORED, SYSTEMS, WITHOUT_MEMORY


def test_figures_are_those_of_the_sources_table():
    columns = ["binarized_mnist", "omniglot28", "fashion_mnist", "cifar10", "mazes"]
    assert list(DATA_SETS) == columns
    table = {
        "vma": [None, 103.6, None, None, None],
        "km": [None, 68.3, None, 4.37, None],
        "dnc": [None, 100, None, None, None],
        "dkm": [75.3, 77.2, None, 4.79, 2.75],
        "dkm_tsm": [51.84, 70.88, 4.15, 4.31, 2.92],
        "kpp": [41.58, 66.24, 3.4, 3.28, 2.88],
    }
    for system, row in table.items():
        assert [STORED[system].get(data) for data in DATA_SETS] == row


def test_every_figure_has_its_row_and_column():
    assert STORED.keys() <= SYSTEMS.keys()
    assert all(figures.keys() <= DATA_SETS.keys() for figures in STORED.values())
    assert {model.data for model in WITHOUT_MEMORY} <= DATA_SETS.keys()


def test_more_images_seen_never_cost_more():
    for curve in FEW_SHOT.values():
        assert list(curve) == sorted(curve)
        assert list(curve.values()) == sorted(curve.values(), reverse=True)
