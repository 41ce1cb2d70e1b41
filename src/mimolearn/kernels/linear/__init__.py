"""Linear detection of one vector: ZF, LMMSE, MRC, and soft bits of Gaussian estimates."""
