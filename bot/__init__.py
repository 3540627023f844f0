"""The front desk: an assistant for clinics that never misses a symptom."""
