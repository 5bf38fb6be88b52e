# Every target is one script; the logic lives in scripts/.
#
#   make demo      install what is missing, build, classify handwritten digits
#                  with MODEL=net.onnx IMAGE=photo.jpg LABELS=labels.txt: your own classifier and picture
#   make test      install what is missing, build, run all tests
#   make setup | build | format | clean
#   make nightly LANE=asan|tsan|clang|conformance|differential|models|wheel

DEMO = $(if $(MODEL),--model "$(MODEL)") $(if $(IMAGE),--image "$(IMAGE)") $(if $(LABELS),--labels "$(LABELS)")

.PHONY: demo test setup build format nightly clean

demo: build
	@PYTHONPATH=build/python .venv/bin/python examples/digits/demo.py $(DEMO) $(DEMO_FLAGS)

test:
	@scripts/setup.sh test
	@scripts/build.sh
	@scripts/test.sh

setup:
	@scripts/setup.sh

build: setup
	@scripts/build.sh

format:
	@scripts/setup.sh format
	@scripts/format.sh

nightly:
	@scripts/nightly.sh $(LANE)

clean:
	rm -rf build build-* dist out .venv
