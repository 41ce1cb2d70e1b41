"""The symbol-error rate of a hybrid transceiver, its bound, and their derivatives."""
