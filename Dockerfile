# Two images. The service (default): NumPy and ONNX Runtime, no torch, no pip, nothing that writes.
#     docker build --tag anaphora .
# The trainer, for those without Python: torch as well.
#     docker build --tag anaphora-training --target training .
# Where packages come from is pip's own setting, for instance `--build-arg PIP_EXTRA_INDEX_URL=...`: on Linux the plain
# package of torch brings CUDA with it, and PyTorch's own index has a small one without.

FROM python:3.11-slim-bookworm AS packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# pip is not copied into the environment: it installs from outside and stays behind.
RUN python -m venv --without-pip /venv
WORKDIR /build
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*p['dependencies'], sep='\n', file=open('service.txt', 'w')); \
print(*p['optional-dependencies']['training'], sep='\n', file=open('training.txt', 'w'))"
# Packages' own tests and test data (half of onnx), type stubs and C headers serve nobody here; of plotly only the browser's script. Bytecode is compiled now, and
# never checked against its source again, since nothing can be written at run time.
RUN pip --python /venv/bin/python install --no-cache-dir --no-compile -c constraints.txt -r service.txt \
    && cd /venv/lib/python3.11/site-packages \
    && rm -rf onnx/backend/test onnxruntime/transformers onnxruntime/tools onnxruntime/datasets numpy/*/include numpy/f2py \
    && find plotly -mindepth 1 -maxdepth 1 ! -name package_data -exec rm -rf {} + \
    && find plotly/package_data -mindepth 1 ! -name plotly.min.js -delete \
    && rm -rf narwhals _plotly_utils /venv/share/jupyter /venv/etc/jupyter \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && find . -type f \( -name '*.pyi' -o -name '*.a' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' \) -delete \
    && /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash .

FROM packages AS project
COPY . .
RUN pip --python /venv/bin/python install --no-cache-dir --no-compile --no-deps --prefix /project . \
    && rm -rf /project/lib/python3.11/site-packages/model/bundles \
    && ln -s /models /project/lib/python3.11/site-packages/model/bundles \
    && cp -a model/bundles /models && chmod -R a+rX /models \
    && /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /project/lib

FROM packages AS training-packages
RUN pip --python /venv/bin/python install --no-cache-dir -c constraints.txt -r training.txt

FROM python:3.11-slim-bookworm AS base
# ONNX Runtime would send its makers word of every start.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1
ENTRYPOINT ["anaphora"]

# Mount texts and a folder for the results, and be the user who owns them:
#     docker run --rm --user "$(id -u)" -v "$PWD:/data" anaphora-training train books --out my-model --minutes 5
FROM base AS training
LABEL org.opencontainers.image.title="Anaphora, the trainer" org.opencontainers.image.licenses="MIT AND CC0-1.0"
COPY --from=training-packages /venv /venv
COPY --from=project /project /venv
COPY --from=project /models /models
# torch keeps caches in the home folder, and a user without a name has none.
ENV HOME=/tmp USER=anaphora OMP_WAIT_POLICY=passive
USER 10001:10001
WORKDIR /data
CMD ["train", "--help"]

# A folder of bundles (or one bundle) mounted at /models replaces the models baked in there.
#     docker run --rm -p 8000:8000 --read-only --cap-drop all --security-opt no-new-privileges anaphora
FROM base AS service
LABEL org.opencontainers.image.title="Anaphora" org.opencontainers.image.licenses="MIT AND CC0-1.0"
COPY --from=packages /venv /venv
COPY --from=project /project /venv
COPY --from=project /models /models
ENV ANAPHORA_MODELS=/models ANAPHORA_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; \
c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('ANAPHORA_PORT', 8000)), timeout=4); \
c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
CMD ["serve"]
