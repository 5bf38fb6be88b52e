"""Classifies handwritten digits through Oriel's provider with OpenVINO's name, on the CPU.

Prints a table of images, the accuracy on all held-back images, and saves a contact sheet.
With --model and --image (and --labels) it classifies a picture with a classifier of yours instead.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from oriel import ort

FOLDER = Path(__file__).resolve().parent
PROVIDERS = ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
PROVIDER_OPTIONS = [{"device_type": "CPU"}, {}]
IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]


class UserError(Exception):
    """Something that the caller can put right; its text is all that is printed."""


def open_session(path):
    """Opens a model with the demo's providers."""
    if not path.is_file():
        raise UserError(f"model {path}: no such file")
    try:
        return ort.InferenceSession(str(path), providers=PROVIDERS, provider_options=PROVIDER_OPTIONS)
    except Exception as error:
        raise UserError(f"model {path}: {first_line(error)}") from error


def first_line(error):
    """The first line of an error's text, or the name of its class where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def timed_run(session, feeds):
    """Returns the outputs of one run and how long it took, in milliseconds."""
    start = time.perf_counter()
    outputs = session.run(None, feeds)
    return outputs, (time.perf_counter() - start) * 1e3


def print_table(head, rows, right=()):
    """Prints rows of strings in columns; the columns whose numbers are in `right` are aligned to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells):
        padded = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths)))
        return "  ".join(padded).rstrip()

    print(line(head))
    print("  ".join("-" * width for width in widths))
    for row in rows:
        print(line(row))


def contact_sheet(entries, path, columns=8):
    """Saves enlarged digits, each (image [8, 8], label, prediction, confidence), framed green where right, else red."""
    tile, frame, caption, gap = 80, 4, 20, 10
    width = columns * (tile + gap) + gap
    height = -(-len(entries) // columns) * (tile + caption + gap) + gap
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for number, (image, label, prediction, confidence) in enumerate(entries):
        x = gap + number % columns * (tile + gap)
        y = gap + number // columns * (tile + caption + gap)
        colour = "#1a9641" if label == prediction else "#d7191c"
        draw.rectangle([x, y, x + tile - 1, y + tile - 1], fill=colour)
        pixels = Image.fromarray((image * 15.9375).astype(np.uint8))
        inner = tile - 2 * frame
        sheet.paste(pixels.resize((inner, inner), Image.Resampling.NEAREST), (x + frame, y + frame))
        text = f"{prediction} ({confidence:.0%})" if label == prediction else f"{prediction} not {label}"
        draw.text((x + tile / 2, y + tile + caption / 2), text, fill=colour, font=font, anchor="mm")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise UserError(f"contact sheet {path}: {getattr(error, 'strerror', None) or first_line(error)}") from error


def classify_digits(arguments):
    """The demo proper: digits that the network did not see in training."""
    session = open_session(FOLDER / "digits.onnx")
    with np.load(FOLDER / "held_back.npz") as held_back:
        images, labels = held_back["images"], held_back["labels"]
    name = session.get_inputs()[0].name
    feeds = (images.astype(np.float32) / 16)[:, None]

    timed_run(session, {name: feeds[:1]})
    rows, sheet = [], []
    count = min(arguments.count, len(labels))
    for number in range(count):
        (probabilities,), latency = timed_run(session, {name: feeds[number : number + 1]})
        prediction = int(probabilities[0].argmax())
        confidence = float(probabilities[0, prediction])
        mark = "" if prediction == labels[number] else "  wrong"
        rows.append(
            [
                f"held back #{number}",
                str(labels[number]),
                f"{prediction}{mark}",
                f"{confidence:.1%}",
                f"{latency:.3f} ms",
            ]
        )
        sheet.append((images[number], int(labels[number]), prediction, confidence))

    print(f"Handwritten digits, classified by {' then '.join(session.get_providers())}\n")
    print_table(["image", "label", "prediction", "confidence", "latency"], rows, right=(3, 4))

    (probabilities,), latency = timed_run(session, {name: feeds})
    predictions = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    share = 1 - len(wrong) / len(labels)
    print(f"\naccuracy on all {len(labels)} held-back images: {share:.2%} ({len(wrong)} wrong)", end="")
    print(f", one batch in {latency:.1f} ms")

    for number in wrong[wrong >= count]:
        prediction = int(predictions[number])
        sheet.append((images[number], int(labels[number]), prediction, float(probabilities[number, prediction])))
    contact_sheet(sheet, arguments.out)
    print(f"contact sheet (these images and all wrong ones): {arguments.out}")


def image_input(session, arguments):
    """Returns (name, dtype, layout, channels, height, width) of the one image input of a classifier."""
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = ", ".join(f"{value.name} {value.shape}" for value in inputs)
        raise UserError(f"model {arguments.model}: wants one image input of 4 dimensions, has {shapes}")
    value = inputs[0]
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
    if value.type not in types:
        raise UserError(f"model {arguments.model}: input {value.name} is {value.type}; images are {', '.join(types)}")
    shape = [dim if isinstance(dim, int) and dim > 0 else None for dim in value.shape]
    layout = arguments.layout
    if layout is None:
        layout = "NHWC" if shape[3] in (1, 3) and shape[1] not in (1, 3) else "NCHW"
    channels, height, width = shape[1:] if layout == "NCHW" else (shape[3], shape[1], shape[2])
    channels = channels or 3
    if channels not in (1, 3):
        raise UserError(
            f"model {arguments.model}: input {value.name} {value.shape} as {layout} has {channels} channels, not 1 or 3"
        )
    return value.name, types[value.type], layout, channels, height or arguments.size, width or arguments.size


def load_picture(path, channels):
    """Opens a picture upright, as RGB, or as grey where the model has one channel."""
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert("L" if channels == 1 else "RGB")
    except FileNotFoundError as error:
        raise UserError(f"image {path}: no such file") from error
    except UnidentifiedImageError as error:
        raise UserError(f"image {path}: not a picture that Pillow can read") from error
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"image {path}: {getattr(error, 'strerror', None) or first_line(error)}") from error


def prepare(picture, height, width, resize):
    """Scales a picture so that its shorter side measures `resize` pixels and cuts the centre out."""
    resize = max(resize or round(max(height, width) * 8 / 7), height, width)
    scale = resize / min(picture.size)
    size = (max(width, round(picture.width * scale)), max(height, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.BILINEAR)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(picture.crop((left, top, left + width, top + height)))


def read_labels(path):
    """Reads one label a line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror.lower()
        raise UserError(f"labels {path}: {reason}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.strip() for line in lines]


def as_probabilities(scores):
    """Softmax, unless the scores are probabilities already."""
    scores = scores.astype(np.float64)
    if scores.min() >= 0 and abs(scores.sum() - 1) < 1e-2:
        return scores
    shifted = np.exp(scores - scores.max())
    return shifted / shifted.sum()


def classify_picture(arguments):
    """One picture, one classifier: a table of the most likely classes."""
    labels = read_labels(arguments.labels) if arguments.labels else None
    session = open_session(arguments.model)
    name, dtype, layout, channels, height, width = image_input(session, arguments)
    pixels = prepare(load_picture(arguments.image, channels), height, width, arguments.resize)
    pixels = pixels.reshape(height, width, channels)
    if arguments.bgr:
        pixels = pixels[:, :, ::-1]
    if dtype != np.uint8:
        mean, std = (np.asarray(values, np.float32) for values in (arguments.mean, arguments.std))
        if channels == 1:
            mean, std = mean.mean(keepdims=True), std.mean(keepdims=True)
        pixels = (pixels.astype(np.float32) / arguments.scale - mean) / std
    batch = pixels[None].transpose(0, 3, 1, 2) if layout == "NCHW" else pixels[None]
    feeds = {name: np.ascontiguousarray(batch.astype(dtype))}
    try:
        timed_run(session, feeds)
        outputs, latency = timed_run(session, feeds)
    except Exception as error:
        raise UserError(f"model {arguments.model}: {first_line(error)}") from error

    output = session.get_outputs()[0].name
    scores = np.asarray(outputs[0])
    if scores.dtype.kind not in "fiu" or not scores.size:
        raise UserError(
            f"model {arguments.model}: output {output} holds no scores ({scores.dtype}, {list(scores.shape)})"
        )
    if scores.size != max(scores.shape, default=1):
        raise UserError(f"model {arguments.model}: output {output} {list(scores.shape)} is not one score a class")
    scores = scores.reshape(-1)
    if labels is not None and len(labels) != len(scores):
        raise UserError(
            f"labels {arguments.labels}: {len(labels)} labels, but output {output} has {len(scores)} classes"
        )

    probabilities = as_probabilities(scores)
    best = np.argsort(-scores.astype(np.float64), kind="stable")[: arguments.top]
    print(f"{arguments.image}, classified by {arguments.model} on {' then '.join(session.get_providers())}")
    print(f"input {name} {layout} {height} x {width}, one run {latency:.2f} ms\n")
    rows = [
        [str(rank), labels[index] if labels else f"class {index}", f"{probabilities[index]:.2%}"]
        for rank, index in enumerate(best, start=1)
    ]
    print_table(["rank", "label", "confidence"], rows, right=(0, 2))


def three_numbers(text):
    """Parses "a,b,c" (or "a" for all three)."""
    values = [float(part) for part in text.split(",")]
    if len(values) not in (1, 3):
        raise argparse.ArgumentTypeError("one number or three with commas between")
    return values * (3 // len(values))


def positive(text):
    """Parses an integer above zero."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line in one line."""

    def error(self, message):
        self.exit(2, f"demo: {message} (--help shows all flags)\n")


def parse_arguments():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=positive, default=16, help="digits in the table (default: 16)")
    parser.add_argument(
        "--out", type=Path, default=Path("out/digits.png"), help="contact sheet (default: out/digits.png)"
    )
    own = parser.add_argument_group("your own classifier")
    own.add_argument("--model", type=Path, help="a model file with one image input")
    own.add_argument("--image", type=Path, help="a picture")
    own.add_argument("--labels", type=Path, help="a text file with one label a line")
    own.add_argument("--top", type=positive, default=5, help="classes in the table (default: 5)")
    own.add_argument("--layout", choices=["NCHW", "NHWC"], help="the input's dimensions (default: from its shape)")
    own.add_argument("--size", type=positive, default=224, help="where the model leaves it open (default: 224)")
    own.add_argument("--resize", type=positive, help="shorter side before the crop (default: 8/7 of the input)")
    own.add_argument("--scale", type=float, default=255.0, help="what pixels are divided by first (default: 255)")
    own.add_argument("--mean", type=three_numbers, default=IMAGENET_MEAN, metavar="R,G,B", help="default: ImageNet's")
    own.add_argument("--std", type=three_numbers, default=IMAGENET_STD, metavar="R,G,B", help="default: ImageNet's")
    own.add_argument("--bgr", action="store_true", help="the model wants blue, green, red")
    arguments = parser.parse_args()
    if bool(arguments.model) != bool(arguments.image):
        parser.error("--model and --image belong together")
    if arguments.labels and not arguments.model:
        parser.error("--labels goes with --model and --image")
    if not arguments.scale or not all(arguments.std):
        parser.error("--scale and --std must not be 0")
    return arguments


def main():
    arguments = parse_arguments()
    try:
        (classify_picture if arguments.model else classify_digits)(arguments)
    except UserError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
