"""configs/: every file and string gives a config; a column shares its networks."""

import importlib
from pathlib import Path

import pytest

from configs import ablations, table
from kpp_tf.errors import UserError
from kpp_tf.models import build_model

FOLDER = Path(table.__file__).parent
ROWS = [f"{system},{data}" for data in table.DATA for system in table.SYSTEMS]
AT_ANOTHER_SIZE = {"memory_792": 800, "memory_1584": 1600, "memory_12672": 12_800}


def _floats(model):
    return model.memory_size**2 * (model.memory_depth + 1)  # and the coverage


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_every_file_gives_a_locked_config(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    with pytest.raises(AttributeError):
        config.no_such_field = 1


@pytest.mark.parametrize("row", ROWS)
def test_a_row_differs_from_its_column_in_the_model_alone(row):
    system, data = row.split(",")
    config = table.get_config(row).to_dict()
    column = importlib.import_module(f"configs.{data}").get_config().to_dict()
    model, base = config.pop("model"), column.pop("model")
    side = base.get("block_size", 1)
    if system not in ("kpp", "vae"):
        # Baselines with a memory learn to store, as published.
        schedule = {"all_written": 1.0, "steps": 3_000}
        if side > 1:
            schedule |= {"kl_warmup_steps": 500, "learning_rate": 2e-3}
        assert {name: config["train"][name] for name in schedule} == schedule
        column["train"] |= schedule
        base["encoder"]["linear"] = True
    assert config == column
    if system in table.MAPS and side > 1:
        assert model["encoder"].pop("embedding_side") == side
        assert model["decoder"].pop("code_side") == side
    if system == "vae" and side > 1:
        assert model["latent_size"] == base["latent_size"]
    assert model["decoder"] == base["decoder"]
    assert model["likelihood"] == base["likelihood"]
    shift = model["encoder"].pop("shift")
    base_shift = base["encoder"].pop("shift")
    assert model["encoder"] == base["encoder"]
    if system == "kpp":
        assert shift == base_shift
    else:
        assert shift == ("bidirectional" if system == "dkm_tsm" else "none")


def test_systems_are_models_of_their_own():
    names = {table.get_config(f"{name},glyphs").model.name for name in table.SYSTEMS}
    # DKM stands there twice, with a temporal shift and without.
    assert len(names) == len(table.SYSTEMS) - 1


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_every_row_builds(row):
    assert build_model(table.get_config(row)).count_params()


@pytest.mark.parametrize("row", ["kpp", "kpp,", "dkmm,glyphs", "dkm,mnst", "dkm,a,b"])
def test_an_unknown_row_is_refused(row):
    with pytest.raises(UserError, match=f"dkm_tsm.*Received: '{row}'"):
        table.get_config(row)


@pytest.mark.parametrize("name", ablations.VARIANTS)
def test_memory_is_as_large_as_it_is_said_to_be(name):
    floats = _floats(ablations.get_config(name).model)
    budget = AT_ANOTHER_SIZE.get(name, 3200)
    assert 0.9 * budget <= floats <= budget


@pytest.mark.parametrize("name", ablations.VARIANTS)
def test_every_block_has_a_slot_of_its_own(name):
    config = ablations.get_config(name)
    model = config.model
    slots = (model.memory_size // model.block_size) ** 2
    assert slots >= config.data.episode_length * model.blocks_per_frame


def test_only_what_the_variant_names_is_changed():
    base = ablations.get_config("base").to_dict()
    changed = ablations.get_config("no_shift").to_dict()
    assert changed["model"]["encoder"].pop("shift") == "none"
    assert base["model"]["encoder"].pop("shift") == "causal"
    assert changed == base


def test_an_unknown_variant_is_refused():
    with pytest.raises(UserError, match="base, turn.*Received: 'tern'"):
        ablations.get_config("tern")


@pytest.mark.slow
@pytest.mark.parametrize("name", ablations.VARIANTS)
def test_every_variant_builds(name):
    config = ablations.get_config(name)
    assert build_model(config).memory_floats == _floats(config.model)
