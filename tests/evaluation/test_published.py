"""The published figures: the ones the source prints, each row and column known."""

from kpp_tf.evaluation import published


def test_figures_are_those_of_the_sources_table():
    # The source's table, row by row; None where it has a dash.
    columns = ["binarized_mnist", "omniglot28", "fashion_mnist", "cifar10", "mazes"]
    printed = {
        published.VMA: [None, 103.6, None, None, None],
        published.KM: [None, 68.3, None, 4.37, None],
        published.DNC: [None, 100, None, None, None],
        published.DKM: [75.3, 77.2, None, 4.79, 2.75],
        published.DKM_TSM: [51.84, 70.88, 4.15, 4.31, 2.92],
        published.KPP: [41.58, 66.24, 3.4, 3.28, 2.88],
    }
    for system, values in printed.items():
        for data, value in zip(columns, values, strict=True):
            figure = published.figure(system, data)
            assert (figure and figure.value) == value, (system, data)


def test_every_figure_has_its_row_column_and_source():
    data_sets = {data.name for data in published.DATA_SETS}
    keys = [(figure.system, figure.data) for figure in published.FIGURES]
    assert len(set(keys)) == len(keys)
    for figure in published.FIGURES:
        assert figure.system in published.SYSTEMS
        assert figure.data in data_sets
        assert figure.source in published.SOURCES
    assert published.PROTOCOLS.keys() == data_sets
