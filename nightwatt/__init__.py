"""nightwatt: controlled, repeated energy measurements, and an answer to be believed."""
