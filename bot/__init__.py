"""The front desk: an assistant for clinics that never misses a symptom."""

__version__ = "0.1.0"
