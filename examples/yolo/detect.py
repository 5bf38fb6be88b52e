"""Finds objects in a picture with a YOLO network and draws them into a PNG.

The head is told from the shapes of the network's outputs: YOLOX, v2, v3/v5/v7, v8/v11, v4, and networks that suppress
overlapping boxes themselves.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from oriel import ort

sys.path.insert(0, str(Path(__file__).resolve().parent))
import heads  # noqa: E402

PROVIDERS = ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
COCO = (
    "person, bicycle, car, motorbike, aeroplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, "
    "parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, "
    "handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, "
    "skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, "
    "sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, sofa, pottedplant, bed, diningtable, "
    "toilet, tvmonitor, laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, "
    "refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush"
).split(", ")
VOC = (
    "aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, motorbike, "
    "person, pottedplant, sheep, sofa, train, tvmonitor"
).split(", ")
GREY = 114


class UserError(Exception):
    """Something that the caller can put right; its text is all that is printed."""


class Detector:
    """A network with its session: detect() gives boxes in pixels of the picture."""

    def __init__(self, model, api=ort, providers=PROVIDERS, default_size=416):
        try:
            self.session = api.InferenceSession(str(model), providers=providers)
        except Exception as error:
            raise UserError(f"model {model}: {str(error).splitlines()[0]}") from error
        image = self.session.get_inputs()[0]
        if len(image.shape) != 4 or image.type != "tensor(float)":
            raise UserError(
                f"model {model}: input {image.name} is {image.type} {image.shape}, expected 4 dimensions of float"
            )
        self.name = image.name
        self.channels_last = image.shape[3] == 3
        extents = image.shape[1:3] if self.channels_last else image.shape[2:]
        self.size = tuple(d if isinstance(d, int) and d > 0 else default_size for d in extents)
        self.family = heads.family_of([o.shape for o in self.session.get_outputs()], self.size)
        if self.family is None:
            shapes = [o.shape for o in self.session.get_outputs()]
            raise UserError(f"model {model}: outputs of shape {shapes} are no YOLO head that this example knows")

    def prepare(self, picture):
        """(the network's input, the factor that pixels were scaled by, left and top margin)."""
        height, width = self.size
        scale = min(height / picture.height, width / picture.width)
        extent = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
        margin = (0, 0) if self.family == "yolox" else ((width - extent[0]) // 2, (height - extent[1]) // 2)
        canvas = Image.new("RGB", (width, height), (GREY,) * 3)
        canvas.paste(picture.resize(extent, Image.Resampling.BILINEAR), margin)
        values = np.asarray(canvas, np.float32)
        # YOLOX learnt from OpenCV's pictures: blue first, 0 to 255. The others take red first, 0 to 1; v2 0 to 255.
        if self.family == "yolox":
            values = values[..., ::-1]
        elif self.family != "v2":
            values = values / 255
        batch = values[None] if self.channels_last else values.transpose(2, 0, 1)[None]
        return np.ascontiguousarray(batch), scale, margin

    def detect(self, picture, threshold, overlap):
        """(boxes [n, 4] of left, top, right, bottom; scores [n]; classes [n]), best first."""
        batch, scale, margin = self.prepare(picture)
        feeds = {self.name: batch}
        if self.family == "selected":
            # The network wants the picture's own height and width and answers in its pixels, margins included.
            feeds[self.session.get_inputs()[1].name] = np.array([self.size], np.float32)
        outputs = self.session.run(None, feeds)
        boxes, scores, classes = self.decode(outputs, threshold, overlap)
        boxes = (boxes - np.array([*margin, *margin])) / scale
        limits = np.array([picture.width, picture.height] * 2)
        return np.clip(boxes, 0, limits), scores, classes

    def decode(self, outputs, threshold, overlap):
        """The same in pixels of the network's input, from its outputs."""
        if self.family == "end2end":
            rows = np.asarray(outputs[0], np.float64).reshape(-1, 7)
            rows = rows[rows[:, 6] >= threshold]
            rows = rows[np.argsort(-rows[:, 6], kind="stable")]
            return rows[:, 1:5], rows[:, 6], rows[:, 5].astype(int)
        if self.family == "selected":
            boxes, scores, chosen = outputs
            chosen = np.asarray(chosen).reshape(-1, 3)
            chosen = chosen[chosen[:, 0] >= 0]
            values = np.asarray(scores, np.float64)[0, chosen[:, 1], chosen[:, 2]]
            order = [i for i in np.argsort(-values, kind="stable") if values[i] >= threshold]
            corners = np.asarray(boxes, np.float64)[0, chosen[order, 2]][:, [1, 0, 3, 2]]
            return corners, values[order], chosen[order, 1]
        decoded = (
            heads.decode_v4(outputs, self.size)
            if self.family == "v4"
            else heads.DECODERS[self.family](outputs[0], self.size)
        )
        return heads.select(*decoded, threshold, overlap)


def draw(picture, boxes, scores, labels):
    """A copy of the picture with boxes and labels."""
    result = picture.copy()
    pen = ImageDraw.Draw(result)
    thickness = max(2, round(max(picture.size) / 300))
    font = ImageFont.load_default(6 * thickness)
    for box, score, label in zip(boxes, scores, labels):
        colour = tuple(int(64 + (hash_of(label) >> shift) % 160) for shift in (0, 8, 16))
        left, top, right, bottom = (float(v) for v in box)
        if right < left or bottom < top:
            continue
        pen.rectangle((left, top, right, bottom), outline=colour, width=thickness)
        text = f"{label} {score:.2f}"
        corner = (left + thickness, max(top - 7 * thickness, 0))
        pen.rectangle(pen.textbbox(corner, text, font), fill=colour)
        pen.text(corner, text, (255, 255, 255), font)
    return result


def hash_of(text):
    """A number that is the same in every process."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % (1 << 32)
    return value


def names_for(count, path):
    """Class names from a file with one a line, else those of the usual data set with that many classes."""
    if path is not None:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    known = {len(COCO): COCO, len(VOC): VOC}
    return known.get(count, [])


def open_picture(path):
    """A picture as RGB, turned the way its camera says."""
    try:
        return ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    except FileNotFoundError:
        raise UserError(f"image {path}: no such file") from None
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"image {path}: {error}") from None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="an ONNX file")
    parser.add_argument("image", type=Path, help="a picture")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("detections.png"), help="the PNG to write (default: %(default)s)"
    )
    parser.add_argument("--labels", type=Path, help="class names, one a line (default: COCO's or VOC's)")
    parser.add_argument("--threshold", type=float, default=0.4, help="least score of a box (default: %(default)s)")
    parser.add_argument(
        "--overlap", type=float, default=0.45, help="most that two boxes of a class may overlap (default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=int, default=416, help="input size of networks that take any (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        picture = open_picture(options.image)
        if not options.model.is_file():
            raise UserError(f"model {options.model}: no such file")
        detector = Detector(options.model, default_size=options.size)
        boxes, scores, classes = detector.detect(picture, options.threshold, options.overlap)
        names = names_for(80 if detector.family != "v2" else 20, options.labels)
        labels = [names[c] if c < len(names) else f"class {c}" for c in classes]
        draw(picture, boxes, scores, labels).save(options.output, "PNG")
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{options.model.name}: a {detector.family} head, input {detector.size[1]}x{detector.size[0]}, "
        f"providers {detector.session.get_providers()}"
    )
    for box, score, label in zip(boxes, scores, labels):
        print(f"{label:16} {score:.3f}  " + " ".join(f"{v:7.1f}" for v in box))
    print(f"{len(boxes)} objects, drawn into {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
