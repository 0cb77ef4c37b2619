"""What `zoo evaluate` prints."""

from zoo.cli import tables

COLUMNS = {
    "frechet_distance": ("Fréchet", "{:.2f}"),
    "kernel_distance": ("kernel", "{:.4f}"),
    "inception_score": ("IS", "{:.2f}"),
    "precision": ("precision", "{:.3f}"),
    "recall": ("recall", "{:.3f}"),
    "density": ("density", "{:.3f}"),
    "coverage": ("coverage", "{:.3f}"),
    "rarest_class_share": ("rarest class", "{:.1%}"),
    "confident_share": ("confident", "{:.1%}"),
    "label_agreement": ("as asked", "{:.1%}"),
}
RESTORATION_COLUMNS = {
    "psnr": ("PSNR, dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "hole_l1": ("L1 in the hole", "{:.4f}"),
    "frechet_distance": ("Fréchet", "{:.2f}"),
    "images_per_second": ("images/s", "{:.0f}"),
}


def print_restorations(records):
    """Prints records of `zoo.evaluation.restorers.evaluate_restorer`, a table for each model."""
    for name, record in records.items():
        rows = [
            [
                f"{hole.replace('_', '-')}: {name if method == 'ours' else method}",
                *(form.format(scores[key]) for key, (_, form) in RESTORATION_COLUMNS.items()),
            ]
            for hole in record["masks"]
            for method, scores in record[hole].items()
        ]
        headings = ["", *(heading for heading, _ in RESTORATION_COLUMNS.values())]
        title = f"{record['images']} images of the split {record['split']}, the same for all"
        tables.print_scores(title, headings, rows)


def print_drawings(records):
    """Prints records of `zoo.evaluation.evaluate`, a row each."""
    protocol = next(iter(records.values()))["protocol"]
    title = (
        f"against {protocol['reference_images']} images of {protocol['dataset']} "
        f"{protocol['split']}, in the features of {protocol['features']}"
    )
    scored = {key for record in records.values() for key in record["scores"]}
    columns = {key: column for key, column in COLUMNS.items() if key in scored}
    rows = [
        [
            name,
            str(record["protocol"]["samples"]),
            *(
                form.format(record["scores"][key]) if key in record["scores"] else ""
                for key, (_, form) in columns.items()
            ),
        ]
        for name, record in records.items()
    ]
    tables.print_scores(title, ["", "images", *(heading for heading, _ in columns.values())], rows)
    for name, record in records.items():
        if "memorization" in record["scores"]:
            figures = record["scores"]["memorization"]
            print(
                f"{name}: {figures['copied_share']:.1%} nearer to a training image than 99 of 100 "
                f"real images are; median distance {figures['median_ratio']:.2f} times theirs"
            )
