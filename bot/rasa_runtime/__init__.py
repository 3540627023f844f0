"""What makes Rasa small and quick: see docs/architecture.md."""
