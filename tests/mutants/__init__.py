"""Every line of the rules broken in every way that mutmut knows; what no example notices is explained."""
