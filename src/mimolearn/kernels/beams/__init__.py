"""Error rates of hybrid beamformers with gradients and curvature."""
