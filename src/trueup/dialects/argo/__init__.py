"""Argo CD's dialect: `Application` and `AppProject` of `argoproj.io/v1alpha1`."""

from trueup.dialects.argo.dialect import Argo

__all__ = ["Argo"]
