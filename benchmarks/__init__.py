"""Side-by-side measurements of the whole stack and of the ceilings below it; `make bench` writes report.md."""
