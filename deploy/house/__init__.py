"""The house on one machine, for those who play in it: three stores and their agents, a broker, a centre, the lines."""
