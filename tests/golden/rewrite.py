"""``python -m tests.golden.rewrite`` after a wanted change; then read the difference."""

from __future__ import annotations

from tests.golden.drawings import DRAWINGS, FOLDER, text


def main() -> None:
    """Write every drawing, remove what is drawn no more."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path.stem not in DRAWINGS:
            path.unlink()
    for name, drawing in DRAWINGS.items():
        (FOLDER / f"{name}.json").write_text(text(drawing), encoding="utf-8")


if __name__ == "__main__":
    main()
