"""How to reach a cluster: kubeconfig, in-cluster configuration, credentials."""
