"""What development, tests and the demo need: control plane, Git server, Go toolchain, the demo itself."""
