/* The figures of a report, to explore. Each figure that can be holds a data block: what plotly.js takes, made by the
   analysis, and the configurations that can be hidden. Nothing is fetched, and no text is ever read as markup. */
(function () {
  "use strict";

  var CONFIG = {
    responsive: true,
    displayModeBar: true,
    displaylogo: false,
    scrollZoom: false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    showTips: false
  };

  function made(kind, className, text) {
    var element = document.createElement(kind);
    element.className = className;
    if (text) { element.textContent = text; }
    return element;
  }

  function button(className, text) {
    var element = made("button", className, text);
    element.type = "button";
    return element;
  }

  function explorable(figure, block) {
    var view = figure.querySelector(".view");
    var bar = made("p", "explore-bar");
    var open = button("explore", "Explore");
    open.setAttribute("aria-expanded", "false");
    open.title = "Zoom, values under the pointer, hide configurations";
    bar.appendChild(open);
    view.parentNode.insertBefore(bar, view);
    var stage = null;

    function begin() {
      stage = made("div", "stage");
      var tools = made("div", "keys");
      var keys = made("div", "keys");
      var chart = made("div", "chart");
      var reset = button("reset", "Reset");
      var spec = JSON.parse(block.textContent);
      var hidden = spec.keys.map(function () { return false; });
      var chips = spec.keys.map(function (key, place) {
        var chip = button("key", key.name || "(empty)");
        chip.style.setProperty("--colour", key.colour);
        chip.setAttribute("aria-pressed", "true");
        chip.title = "Hide or show " + key.whole;
        chip.addEventListener("click", function () { hide(place, !hidden[place]); });
        if (spec.keys.length > 1) { keys.appendChild(chip); }
        return chip;
      });

      function hide(place, is) {
        hidden[place] = is;
        chips[place].setAttribute("aria-pressed", is ? "false" : "true");
        var of = [];
        chart.data.forEach(function (trace, number) {
          if (trace.legendgroup === String(place)) { of.push(number); }
        });
        if (of.length) { window.Plotly.restyle(chart, { visible: !is }, of); }
      }

      reset.addEventListener("click", function () {
        chips.forEach(function (chip, place) {
          hidden[place] = false;
          chip.setAttribute("aria-pressed", "true");
        });
        var anew = JSON.parse(block.textContent);
        window.Plotly.react(chart, anew.data, anew.layout, CONFIG);
      });
      if (spec.keys.length > 2) {
        var none = button("none", "Hide all");
        none.addEventListener("click", function () {
          chips.forEach(function (chip, place) {
            hidden[place] = true;
            chip.setAttribute("aria-pressed", "false");
          });
          window.Plotly.restyle(chart, { visible: false });
        });
        tools.appendChild(none);
      }
      tools.appendChild(reset);
      stage.appendChild(tools);
      stage.appendChild(keys);
      stage.appendChild(chart);
      var how = "Drag to zoom, double click to zoom out; tap or point at a mark for its values.";
      stage.appendChild(made("p", "note", spec.notes.concat([how]).join(" ")));
      view.parentNode.insertBefore(stage, view.nextSibling);
      figure.classList.add("exploring");
      window.Plotly.newPlot(chart, spec.data, spec.layout, CONFIG);
    }

    open.addEventListener("click", function () {
      var exploring = !figure.classList.contains("exploring");
      if (!exploring) {
        figure.classList.remove("exploring");
      } else if (stage === null) {
        begin();
      } else {
        figure.classList.add("exploring");
        window.Plotly.Plots.resize(stage.querySelector(".chart"));
      }
      open.textContent = exploring ? "As printed" : "Explore";
      open.setAttribute("aria-expanded", String(exploring));
    });
  }

  document.querySelectorAll("figure script.explorable").forEach(function (block) {
    explorable(block.closest("figure"), block);
  });
}());
