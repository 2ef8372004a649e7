"""The story that `make demo` tells: a real control plane and a real Git server, and Git driving the one."""
