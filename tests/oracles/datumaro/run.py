"""Reads a data set with datumaro, and prints what it found as JSON: {item: [[label, x, y, width, height], …]}."""

import json
import sys

import datumaro


def main(folder: str, form: str) -> None:
    """form: datumaro's own name of the format."""
    dataset = datumaro.Dataset.import_from(folder, form)
    labels = dataset.categories()[datumaro.AnnotationType.label]
    found = {}
    for item in dataset:
        boxes = [a for a in item.annotations if a.type == datumaro.AnnotationType.bbox]
        rows = [[labels[box.label].name, *map(float, box.get_bbox())] for box in boxes]
        found[item.id] = {"boxes": sorted(rows), "size": list(item.media.size or ()) if item.media else []}
    json.dump(found, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
