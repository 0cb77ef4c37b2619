"""Writes a page that draws from a model in the browser: one file, no server, no network.

    npm install --prefix examples/browser
    python examples/browser/build.py dcgan_mnist -o digits.html

The page holds the model, exported to ONNX, and ONNX Runtime Web, which runs it as WebAssembly. It
opens from the disk. A seed gives the images of `model.generate(count, seed=seed)`, to one gray
level: the page computes NumPy's random numbers.
"""

import argparse
import base64
import gzip
import html
import json
import tempfile
from pathlib import Path

import zoo
from zoo.files import replacing

FOLDER = Path(__file__).parent
RUNTIME = FOLDER / "node_modules/onnxruntime-web"


def build(name, output, runtime=RUNTIME):
    """Writes the page.

    Args:
        name: str, a model that draws, or the path of a run's folder.
        output: path of the HTML file.
        runtime: path of npm's package onnxruntime-web.
    """
    model = zoo.load(name)
    if not hasattr(model, "sample_latent"):
        raise zoo.errors.InvalidInputError(
            f"The page draws images from latents. Received: {name}, which restores pictures"
        )
    files = {
        "runtime": Path(runtime, "dist/ort.wasm.bundle.min.mjs"),
        "wasm": Path(runtime, "dist/ort-wasm-simd-threaded.wasm"),
    }
    for path in files.values():
        if not path.is_file():
            raise zoo.errors.InvalidInputError(
                f"There is no {path}. Run: npm install --prefix {FOLDER}"
            )
    card = zoo.info(name)
    classes = getattr(model, "classes", None)
    facts = {"latent_dim": model.latent_dim, "classes": classes}
    if classes is not None:
        facts["class_names"] = class_names(card.dataset, classes)
    with tempfile.TemporaryDirectory() as folder:
        files["model"] = Path(folder, "model.onnx")
        zoo.export(model, files["model"])
        parts = {key: pack(path) for key, path in files.items()}
    parts |= {
        "name": html.escape(card.name),
        "description": html.escape(card.description),
        "facts": json.dumps(facts).replace("<", "\\u003c"),
        "latents": (FOLDER / "latents.js").read_text("utf-8").replace("export ", ""),
    }
    page = (FOLDER / "page.html").read_text("utf-8")
    for key, text in parts.items():
        page = page.replace("{{" + key + "}}", text)
    with replacing(output) as temporary:
        temporary.write_text(page, "utf-8")


def pack(path):
    """Returns a file as the page holds it: compressed, in base64."""
    return base64.b64encode(gzip.compress(path.read_bytes(), mtime=0)).decode()


def class_names(dataset, count):
    """Returns the names of classes: those of the data set, or numbers."""
    names = zoo.datasets.info(dataset).classes if dataset in zoo.datasets.names() else ()
    return list(names) if len(names) == count else list(map(str, range(count)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="a model that draws, or a run's folder")
    parser.add_argument("-o", "--output", type=Path, help="file to write; by default NAME.html")
    parser.add_argument("--runtime", type=Path, default=RUNTIME, help="folder of onnxruntime-web")
    options = parser.parse_args()
    output = options.output or Path(f"{Path(options.name).name}.html")
    try:
        build(options.name, output, options.runtime)
    except zoo.ZooError as error:
        parser.exit(2, f"error: {error}\n")
    print(f"wrote {output}: {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
