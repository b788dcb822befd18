"""How well policies and values do: success, its parts, comparisons, calibration."""
