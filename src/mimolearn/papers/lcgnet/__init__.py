"""Wei, Zhao, Hong, Zhao and Lei 2020: Learned conjugate gradient descent network."""
