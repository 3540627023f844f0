"""The benchmarks: `python -m bench` compares with stock Rasa, `python -m bench.web` loads the website chat."""
