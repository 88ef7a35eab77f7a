"""The explorer as a person uses it, in a real browser."""

import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kpp_tf.models.kanerva_plus_plus import Memory
from kpp_tf.serving import explorer_page
from tests.explorer.conftest import PRESET, SOURCE, served

pytestmark = pytest.mark.slow

READ = """async key => {
  const read = await explorer.model.read(explorer.book.memory, key);
  return [...read];
}"""
SEEN = """async () => {
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return [...document.getElementById('picture').getContext('2d')
    .getImageData(0, 0, ...explorer.page.image_shape.slice(0, 2)).data];
}"""
DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name));
  dispatchEvent(new DragEvent('drop', {dataTransfer: files, cancelable: true}));
}"""


def seen(page):
    """Pixels of the image that is read."""
    return np.array(page.evaluate(SEEN), np.int32)


def until(page, condition):
    """Waits, some hundred frames at most, until an expression of the page is true."""
    page.evaluate(
        f"""async () => {{
          for (let frame = 0; frame < 600; frame++) {{
            if ({condition}) return;
            await new Promise(requestAnimationFrame);
          }}
          throw new Error('not within 600 frames');
        }}"""
    )


def written(page):
    return page.locator("#written .thumb").count()


def message(page):
    page.wait_for_selector("#message:not([hidden])")
    return page.inner_text("#message p")


def at(page, x, y):
    """Moves the mouse to shares of the map's sides."""
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def an_image(model, images):
    """Shares of the map's sides at which the last block lies that holds an image."""
    memory = model.write(tf.constant(images[np.newaxis] / 255, tf.float32))
    row, column = np.argwhere(memory.coverage[0].numpy() > 0)[-1]
    return (column + 0.5) / model.reader.grid, (row + 0.5) / model.reader.grid


def draw(page):
    """A stroke on the canvas, and another."""
    page.locator("#sketch").scroll_into_view_if_needed()
    box = page.locator("#sketch").bounding_box()
    for x in (0.35, 0.65):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(
            box["x"] + x * box["width"], box["y"] + 0.8 * box["height"], steps=5
        )
        page.mouse.up()


def drop(page, name, content):
    import base64

    page.evaluate(DROP, [name, base64.b64encode(content).decode()])


def png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def saved(page, tmp_path):
    """What the page's download is, as Python loads it."""
    with page.expect_download() as download:
        page.click("#save")
    path = tmp_path / "memory.npz"
    download.value.save_as(path)
    return Memory.load(path)


def test_memory_and_pictures_are_those_of_python(page, model, images, tmp_path):
    memory = model.write(tf.constant(images[np.newaxis] / 255, tf.float32))
    for found, expected in zip(saved(page, tmp_path), memory, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-3)
    slots = model.slot_keys().numpy()
    drawn = np.random.default_rng(0).standard_normal([20, 3], np.float32)
    keys = np.concatenate([slots[:12], drawn])
    expected = model.generate_from_keys(memory, keys[np.newaxis, :, np.newaxis])
    for key, image in zip(keys, expected.numpy()[0], strict=True):
        read = np.reshape(page.evaluate(READ, key.tolist()), image.shape)
        np.testing.assert_allclose(read, image, atol=1e-3)


def test_keys_of_the_pointer_are_those_of_python(page, model):
    keys = page.evaluate(
        """Array.from({length: explorer.page.grid ** 2},
          (_, block) => explorer.reader.key(explorer.reader.centre(block)))"""
    )
    np.testing.assert_allclose(keys, model.slot_keys(), atol=1e-4)
    for breadth in (0, 0.2, 0.7, 1):
        key, width = page.evaluate(
            """breadth => [explorer.reader.key({x: 0.3, y: 0.8, breadth}),
              explorer.reader.width(breadth)]""",
            breadth,
        )
        key = tf.constant(key, tf.float32)
        np.testing.assert_allclose(model.reader.widths(key[0]), width, rtol=1e-4)
        np.testing.assert_allclose(model.reader.places(key[1:]), [0.3, 0.8], atol=1e-5)
        np.testing.assert_allclose(
            model.reader.scale_of(width), key[0], rtol=1e-3, atol=1e-4
        )


def test_the_pointer_reads_where_it_is(page, model, images):
    page.evaluate("explorer.move(() => explorer.reader.centre(0))")
    first = seen(page)
    x, y = an_image(model, images)
    at(page, x, y)
    there = seen(page)
    assert np.any(there != first)
    nudge = (1 - model.reader.finest) / 2 / model.reader.grid * 0.9  # within the block
    for right, down in ((nudge, 0), (0, -nudge), (-nudge, nudge)):
        at(page, x + right, y + down)
        np.testing.assert_array_equal(seen(page), there)
    page.mouse.move(5, 5)  # without a click it goes back
    np.testing.assert_array_equal(seen(page), first)


def test_the_wheel_goes_from_recall_to_the_gist(page, model, images):
    at(page, *an_image(model, images))
    recalled = seen(page)
    assert "Recalled" in page.inner_text("#reading")
    page.mouse.wheel(0, 1200)
    until(page, "explorer.pointer.breadth > 0.4")
    assert np.any(seen(page) != recalled)
    page.mouse.wheel(0, 5000)
    until(page, "explorer.pointer.breadth === 1")
    seen(page)
    assert "Gist of all" in page.inner_text("#reading")


def test_the_keyboard_moves_and_widens(page, model):
    page.focus("#map")
    for key in ("ArrowLeft",) * 9 + ("ArrowUp",) * 9:
        page.keyboard.press(key)
    corner = seen(page)
    assert "row 1, column 1" in page.inner_text("#reading")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert np.any(seen(page) != corner)
    assert "row 3, column 2" in page.inner_text("#reading")
    page.keyboard.press("End")
    seen(page)
    assert "Gist of all" in page.inner_text("#reading")


def test_a_drawing_is_written_and_taken_back(page, images):
    assert written(page) == len(images)
    assert page.is_disabled("#sketch-write")
    draw(page)
    two = page.evaluate("explorer.sketch.values().reduce((a, b) => a + b)")
    page.click("#sketch-undo")
    assert 0 < page.evaluate("explorer.sketch.values().reduce((a, b) => a + b)") < two
    page.click("#sketch-write")
    until(page, f"explorer.book.images.length === {len(images) + 1}")
    assert written(page) == len(images) + 1
    assert page.is_disabled("#sketch-write")
    page.click("#undo")
    until(page, f"explorer.book.images.length === {len(images)}")
    page.click("#clear")
    until(page, "explorer.book.images.length === 0")
    assert written(page) == 0 and "0 of" in page.inner_text("#fullness")
    assert not page.evaluate("explorer.book.memory.cells.some(Boolean)")
    page.click("#undo")
    until(page, f"explorer.book.images.length === {len(images)}")


def test_a_full_memory_says_what_it_forgets(page, model, images):
    for _ in range(model.capacity - len(images) + 1):
        count = page.evaluate("explorer.book.number")
        draw(page)
        page.click("#sketch-write")
        until(page, f"explorer.book.number === {count + 1}")
        until(page, "explorer.sketch.isEmpty")
    assert "was overwritten" in message(page)
    assert written(page) == model.capacity


def test_dropped_images_are_written(page, images):
    picture = Image.fromarray(images[5, :, :, 0]).resize([300, 280])
    drop(page, "five.png", png(picture))
    until(page, f"explorer.book.images.length === {len(images) + 1}")
    values = page.evaluate("[...explorer.book.images.at(-1).values]")
    share = np.mean(np.reshape(values, images[5].shape) == images[5] / 255)
    assert share > 0.95


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"no picture", "reads no picture"),
        ("huge.png", png(Image.new("1", [9000, 6000])), "9000 x 6000 pixels"),
        ("broken.npz", b"PK no zip", "damaged, or no .npz"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_lost(page, images, name, content, words):
    drop(page, name, content)
    said = message(page)
    assert name in said and words in said
    assert written(page) == len(images)


def test_a_memory_of_python_is_loaded(page, model, images, tmp_path):
    memory = model.write(tf.constant(images[np.newaxis, :7] / 255, tf.float32))
    plain, packed = tmp_path / "plain.npz", tmp_path / "packed.npz"
    memory.save(plain)
    np.savez_compressed(packed, **{k: v.numpy() for k, v in memory._asdict().items()})
    for path in (plain, packed):
        page.click("#clear")
        until(page, "!explorer.book.memory.cells.some(Boolean)")
        page.set_input_files("#load", path)
        until(page, "explorer.book.memory.cells.some(Boolean)")
        for found, expected in zip(saved(page, tmp_path), memory, strict=True):
            np.testing.assert_array_equal(found, expected)
    foreign = {name: value.numpy() for name, value in memory._asdict().items()}
    foreign["cells"] = foreign["cells"][..., :-1]
    np.savez(packed, **foreign)
    page.set_input_files("#load", packed)
    assert "this model's memory has cells of" in message(page)
    assert page.evaluate("explorer.book.memory.cells.some(Boolean)")


def test_draws_and_denoising_show_their_images(page, images):
    page.click("#draw")
    page.wait_for_selector("#results .thumb >> nth=7")
    thumb = page.locator("#results button.thumb").nth(2)
    before = page.evaluate("explorer.pointer")
    thumb.click()
    until(page, f"explorer.pointer.x !== {before['x']}")
    pixels = thumb.locator("canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    np.testing.assert_allclose(seen(page), pixels, atol=1)
    page.locator("#written .thumb").nth(3).click()
    until(page, "explorer.pointer.breadth === 0")
    page.fill("#here", "0")
    clean = seen(page)
    block = page.evaluate("explorer.reader.block(explorer.pointer)")
    page.click("#denoise")
    page.wait_for_selector("#results [data-ended]")
    assert page.locator("#results section").first.locator("figure").count() >= 2
    assert page.evaluate("explorer.reader.block(explorer.pointer)") == block
    np.testing.assert_array_equal(seen(page), clean)


def test_what_is_written_during_denoising_keeps_the_pointer(page, images):
    """Each step of "Only read it" waits until the write has ended."""
    first, last = page.evaluate(
        """async () => {
          const { book, model, reader } = explorer;
          let release;
          const written = new Promise((resolve) => { release = resolve; });
          const nearest = model.nearest;
          model.nearest = async (...inputs) => {
            await written;
            return nearest.apply(model, inputs);
          };
          const image = book.images[0].values;
          const denoised = explorer.denoise(image, 'Your drawing');
          await explorer.write([image.map((value) => 1 - value)]);
          const wanted = reader.block(explorer.pointer);
          release();
          await denoised;
          model.nearest = nearest;
          return [wanted, reader.block(explorer.pointer)];
        }"""
    )
    blocks = page.evaluate("explorer.book.images.at(-1).blocks")
    assert first == last == blocks[0]
    assert page.evaluate("explorer.book.images[0].blocks[0]") != first


def test_everything_to_press_has_a_name_and_fits_a_telephone(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, [tabindex], canvas')]
          .filter(e => !e.closest('[aria-hidden], button, [role=img]:not(canvas)')
            || e.matches('button'))
          .filter(e => !(e.ariaLabel || e.labels?.length || e.innerText.trim()
            || e.getAttribute('aria-labelledby')))
          .map(e => e.outerHTML)"""
    )
    assert nameless == []
    page.set_viewport_size({"width": 400, "height": 800})
    page.click("#draw")
    page.wait_for_selector("#results .thumb >> nth=7")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    box = page.locator("#map").bounding_box()
    assert box["width"] > 300
    page.emulate_media(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) != dark
    page.set_viewport_size({"width": 1360, "height": 860})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("litert_wasm.wasm", "litert_wasm.wasm is missing"),
        ("model.tflite", "model.tflite is missing"),
        ("page.json", "page.json is missing"),
    ],
)
def test_a_missing_file_is_named(tab, built, tmp_path, name, words):
    shutil.copytree(built, tmp_path / "page")
    (tmp_path / "page" / name).unlink()
    with served(tmp_path / "page") as address:
        tab.goto(address)
        assert words in message(tab)


def test_a_foreign_model_is_named(tab, built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "page")
    page = json.loads((folder / "page.json").read_text())
    page["signatures"]["write_next"]["memory_cells"][-1] += 1
    (folder / "page.json").write_text(json.dumps(page))
    with served(folder) as address:
        tab.goto(address)
        assert "write_next has no memory_cells" in message(tab)
        (folder / "model.tflite").write_bytes(b"no model at all, but long enough")
        tab.goto(address)
        assert "it cannot be read" in message(tab)


def test_a_page_of_one_file_needs_no_server(tab, model, images, tmp_path):
    explorer_page.build(
        model, images[:3], PRESET, SOURCE, tmp_path / "page", single_file=True
    )
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(f"file://{tmp_path}/page/index.html")
    tab.wait_for_selector("body[data-ready]")
    assert written(tab) == 3
    assert [url for url in requests if url.startswith("file:")] == [tab.url]
