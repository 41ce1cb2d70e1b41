"""Dense matrices of 16 channels at a time: layout, products, Gram matrices, factors."""
