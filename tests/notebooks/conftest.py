"""One kernel for all notebooks that a process executes."""

import pytest
from jupyter_client import KernelManager
from papermill.engines import NBClientEngine, papermill_engines


@pytest.fixture(scope="session", autouse=True)
def kernel():
    """The kernel, started once: a start with the imports takes longer than most notebooks here.

    Nothing but the modules remains in it from one notebook to the next.
    """
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(extra_arguments=["--IPKernelApp.log_level=ERROR"])
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    manager.client_class = "jupyter_client.asynchronous.AsyncKernelClient"

    class OneKernel(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **options):
            client.execute_interactive("%reset -f\n%reset -f in out")
            return super().execute_managed_notebook(nb_man, kernel_name, km=manager, **options)

    papermill_engines.register(None, OneKernel)
    yield
    papermill_engines.register(None, NBClientEngine)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
